//! What must be so of a rule, beyond what its conditions and its key say for themselves.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::mistake::{Key, Mistakes};
use crate::options::RouterOptions;
use crate::rule::{Canary, Rule, Shadow};
use crate::target::Target;

/// Most arms of a rule: a request with a key hashes once for each.
const MOST_ARMS: usize = 64;
/// Weights other than 0: no sum of them overflows, no share of them vanishes.
const WEIGHTS: RangeInclusive<f64> = 1e-9..=1e9;

/// Checks names, and that every rule can be reached.
pub(crate) fn check_all(rules: &[Rule], mistakes: &mut Mistakes) {
    let mut names = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        mistakes.in_rule(index);
        if let Some(name) = &rule.name
            && (name.is_empty() || name.chars().any(char::is_control))
        {
            mistakes.add(["name".into()], "a name has characters, and none that control");
        }
        let name = rule.name.clone().unwrap_or_else(|| index.to_string());
        if let Some(other) = names.insert(name.clone(), index) {
            mistakes.add(["name".into()], format!("rules[{other}] is called {name:?}, too"));
        }
        let takes_all = |earlier: &Rule| {
            earlier.matches == rule.matches || earlier.matches == Default::default()
        };
        if let Some(earlier) = rules.iter().take(index).position(takes_all) {
            let message = format!("rules[{earlier}] comes first and takes every request of this");
            mistakes.add(["match".into()], message);
        }
    }
}

/// Checks where a rule's requests go.
pub(crate) fn check_rule(rule: &Rule, options: &RouterOptions, mistakes: &mut Mistakes) {
    check_arms(rule, options, mistakes);
    if let Some(shadow) = &rule.shadow {
        check_shadow(shadow, rule, options, mistakes);
    }
    if let Some(canary) = &rule.canary {
        check_canary(canary, rule, mistakes);
        check_steps(canary, mistakes);
    }
}

fn check_arms(rule: &Rule, options: &RouterOptions, mistakes: &mut Mistakes) {
    if !(1..=MOST_ARMS).contains(&rule.to.len()) {
        let message = format!("a rule has 1 to {MOST_ARMS} targets, not {}", rule.to.len());
        mistakes.add(["to".into()], message);
    }
    for (index, arm) in rule.to.iter().enumerate() {
        let at = |key: &str| ["to".into(), index.into(), key.into()];
        if arm.weight != 0.0 && !WEIGHTS.contains(&arm.weight) {
            let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
            let message = format!("{} is not 0 or a weight of {least} to {most}", arm.weight);
            mistakes.add(at("weight"), message);
        }
        check_target(&arm.target, options, at("target"), mistakes);
        let earlier = rule.to.iter().take(index);
        if let Some(other) = earlier.map(|arm| &arm.target).find(|t| t.may_be(&arm.target)) {
            let message = format!("{} is an earlier target of the rule, {other}", arm.target);
            mistakes.add(at("target"), message);
        }
    }
    if !rule.to.is_empty() && rule.to.iter().all(|arm| arm.weight == 0.0) {
        mistakes.add(["to".into()], "one weight must be above 0");
    }
}

fn check_target<const N: usize>(
    target: &Target,
    options: &RouterOptions,
    at: [Key; N],
    mistakes: &mut Mistakes,
) {
    let function = &target.function;
    if !options.functions.contains(function) {
        let known: Vec<&str> = options.functions.iter().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        mistakes.add(at, format!("there is no function {function:?}; there are: {known}"));
    }
}

fn check_shadow(shadow: &Shadow, rule: &Rule, options: &RouterOptions, mistakes: &mut Mistakes) {
    let at = |key: &str| ["shadow".into(), key.into()];
    check_target(&shadow.target, options, at("target"), mistakes);
    if rule.to.iter().all(|arm| arm.target.may_be(&shadow.target)) {
        let message = format!("all requests go to {} as it is", shadow.target);
        mistakes.add(at("target"), message);
    }
    if !(0.0..=1.0).contains(&shadow.share) {
        mistakes.add(at("share"), format!("{} is no share, 0 to 1", shadow.share));
    }
    if !shadow.tolerance.is_finite() || shadow.tolerance < 0.0 {
        mistakes.add(at("tolerance"), format!("{} is no difference, 0 or more", shadow.tolerance));
    }
}

fn check_canary(canary: &Canary, rule: &Rule, mistakes: &mut Mistakes) {
    let at = |key: &str| ["canary".into(), key.into()];
    let (canaries, others): (Vec<_>, Vec<_>) =
        rule.to.iter().partition(|arm| arm.target == canary.target);
    if canaries.is_empty() {
        mistakes.add(at("target"), format!("{} is none of the rule's targets", canary.target));
    } else if others.iter().all(|arm| arm.weight == 0.0) {
        let message = "a canary needs another target with a weight above 0 to be compared with";
        mistakes.add(at("target"), message);
    }
    let excess = canary.max_error_excess;
    if !(0.0..=1.0).contains(&excess) {
        mistakes.add(at("max-error-excess"), format!("{excess} is no share of requests, 0 to 1"));
    }
    let ratio = canary.max_p99_ratio;
    if !ratio.is_finite() || ratio < 1.0 {
        let message = format!("{ratio} is less than 1 or no number: it would refuse an equal");
        mistakes.add(at("max-p99-ratio"), message);
    }
    if canary.min_requests == 0 {
        mistakes.add(at("min-requests"), "without a request there is nothing to compare");
    }
}

fn check_steps(canary: &Canary, mistakes: &mut Mistakes) {
    if canary.steps.is_empty() {
        mistakes.add(["canary".into(), "steps".into()], "a canary has at least one step");
    }
    for (index, step) in canary.steps.iter().enumerate() {
        let at = |key: &str| ["canary".into(), "steps".into(), index.into(), key.into()];
        let share = step.share;
        if !(share > 0.0 && share <= 1.0) {
            mistakes.add(at("share"), format!("{share} is no share above 0 and at most 1"));
        } else if index == 0 && share == 1.0 {
            mistakes.add(at("share"), "the first step must leave requests to compare with");
        }
        if step.lasts.is_zero() {
            mistakes.add(at("for"), "a step takes time");
        }
    }
}
