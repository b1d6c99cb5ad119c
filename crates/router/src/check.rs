//! What must be so of a route, beyond what its conditions and its key say for themselves.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::error::{Key, RouteErrors};
use crate::options::RouterOptions;
use crate::route::{Canary, Route, Shadow};
use crate::target::Target;

/// Maximum number of targets of a route: a request with a key hashes once for each.
const MOST_TARGETS: usize = 64;
/// Weights other than 0: no sum of them overflows, no share of them vanishes.
const WEIGHTS: RangeInclusive<f64> = 1e-9..=1e9;

/// Checks names, and that every route can be reached.
pub(crate) fn check_all(routes: &[Route], errors: &mut RouteErrors) {
    let mut names = BTreeMap::new();
    for (index, route) in routes.iter().enumerate() {
        errors.in_route(index);
        if let Some(name) = &route.name
            && (name.is_empty() || name.chars().any(char::is_control))
        {
            errors
                .add(["name".into()], "must not be empty, and must not contain control characters");
        }
        let name = route.name.clone().unwrap_or_else(|| index.to_string());
        if let Some(other) = names.insert(name.clone(), index) {
            errors.add(
                ["name".into()],
                format!("routes[{other}] has the same name {name:?}; choose another one"),
            );
        }
        let takes_all = |earlier: &Route| {
            earlier.matches == route.matches || earlier.matches == Default::default()
        };
        if let Some(earlier) = routes.iter().take(index).position(takes_all) {
            let message = format!(
                "no request reaches this route, because routes[{earlier}] comes first and matches \
                 all of its requests"
            );
            errors.add(["match".into()], message);
        }
    }
}

/// Checks where a route's requests go.
pub(crate) fn check_route(route: &Route, options: &RouterOptions, errors: &mut RouteErrors) {
    check_targets(route, options, errors);
    if let Some(shadow) = &route.shadow {
        check_shadow(shadow, route, options, errors);
    }
    if let Some(canary) = &route.canary {
        check_canary(canary, route, errors);
        check_steps(canary, errors);
    }
}

fn check_targets(route: &Route, options: &RouterOptions, errors: &mut RouteErrors) {
    if !(1..=MOST_TARGETS).contains(&route.to.len()) {
        let message = format!("must have 1 to {MOST_TARGETS} targets, not {}", route.to.len());
        errors.add(["to".into()], message);
    }
    for (index, weighted) in route.to.iter().enumerate() {
        let at = |key: &str| ["to".into(), index.into(), key.into()];
        if weighted.weight != 0.0 && !WEIGHTS.contains(&weighted.weight) {
            let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
            let message =
                format!("{} is not a weight; must be 0, or {least} to {most}", weighted.weight);
            errors.add(at("weight"), message);
        }
        check_target(&weighted.target, options, at("target"), errors);
        let earlier = route.to.iter().take(index);
        if let Some(other) =
            earlier.map(|weighted| &weighted.target).find(|t| t.may_be(&weighted.target))
        {
            let message = format!(
                "{} can be the same version as the earlier target {other}; remove one",
                weighted.target
            );
            errors.add(at("target"), message);
        }
    }
    if !route.to.is_empty() && route.to.iter().all(|weighted| weighted.weight == 0.0) {
        errors.add(["to".into()], "at least one weight must be above 0");
    }
}

fn check_target<const N: usize>(
    target: &Target,
    options: &RouterOptions,
    at: [Key; N],
    errors: &mut RouteErrors,
) {
    let function = &target.function;
    if !options.functions.contains(function) {
        let known: Vec<&str> = options.functions.iter().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        errors.add(at, format!("function {function:?} does not exist; functions are: {known}"));
    }
}

fn check_shadow(shadow: &Shadow, route: &Route, options: &RouterOptions, errors: &mut RouteErrors) {
    let at = |key: &str| ["shadow".into(), key.into()];
    check_target(&shadow.target, options, at("target"), errors);
    if route.to.iter().all(|weighted| weighted.target.may_be(&shadow.target)) {
        let message = format!("has no effect: {} already gets all requests", shadow.target);
        errors.add(at("target"), message);
    }
    if !(0.0..=1.0).contains(&shadow.share) {
        errors.add(at("share"), format!("{} is not a share; must be 0 to 1", shadow.share));
    }
    if !shadow.tolerance.is_finite() || shadow.tolerance < 0.0 {
        errors.add(
            at("tolerance"),
            format!("{} is not a tolerance; must be 0 or more", shadow.tolerance),
        );
    }
}

fn check_canary(canary: &Canary, route: &Route, errors: &mut RouteErrors) {
    let at = |key: &str| ["canary".into(), key.into()];
    let (canaries, others): (Vec<_>, Vec<_>) =
        route.to.iter().partition(|weighted| weighted.target == canary.target);
    if canaries.is_empty() {
        errors.add(at("target"), format!("{} is not one of the targets in `to`", canary.target));
    } else if others.iter().all(|weighted| weighted.weight == 0.0) {
        let message = "the route needs another target with a weight above 0, with which the canary \
            is compared";
        errors.add(at("target"), message);
    }
    let excess = canary.max_error_excess;
    if !(0.0..=1.0).contains(&excess) {
        errors.add(
            at("max-error-excess"),
            format!("{excess} is not a share of requests; must be 0 to 1"),
        );
    }
    let ratio = canary.max_p99_ratio;
    if !ratio.is_finite() || ratio < 1.0 {
        let message = format!("{ratio} is not a valid ratio; must be 1 or more");
        errors.add(at("max-p99-ratio"), message);
    }
    if canary.min_requests == 0 {
        errors.add(at("min-requests"), "must be at least 1");
    }
}

fn check_steps(canary: &Canary, errors: &mut RouteErrors) {
    if canary.steps.is_empty() {
        errors.add(["canary".into(), "steps".into()], "must have at least one step");
    }
    for (index, step) in canary.steps.iter().enumerate() {
        let at = |key: &str| ["canary".into(), "steps".into(), index.into(), key.into()];
        let share = step.share;
        if !(share > 0.0 && share <= 1.0) {
            errors
                .add(at("share"), format!("{share} is not a share; must be above 0 and at most 1"));
        } else if index == 0 && share == 1.0 {
            errors.add(
                at("share"),
                "the first step must have a share below 1, so that the other targets get requests \
                 for the comparison",
            );
        }
        if step.lasts.is_zero() {
            errors.add(at("for"), "must be above 0");
        }
    }
}
