use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;

use crate::canary::{CanaryState, Observer, Side};
use crate::check;
use crate::fields::{Body, Wanted};
use crate::matching::Matcher;
use crate::mistake::{Mistake, Mistakes};
use crate::options::RouterOptions;
use crate::request::Request;
use crate::rule::{Rule, Shadow};
use crate::split;
use crate::sticky::KeyIn;
use crate::target::Target;

/// The header by which a tester asks for a target, if [`RouterOptions::override_header`] is on.
pub const OVERRIDE_HEADER: &str = "x-pilotlight-version";

/// Rules that were found right, ready to be asked by many threads.
pub struct Router {
    rules: Vec<Ready>,
    wanted: Wanted,
    options: RouterOptions,
}

/// A rule, ready.
struct Ready {
    rule: Rule,
    /// Names of the arms' targets, as they are hashed.
    names: Vec<String>,
    matcher: Matcher,
    key: Option<KeyIn>,
    canary: Option<Moved>,
}

/// The arm whose weight moves.
#[derive(Clone)]
struct Moved {
    arm: usize,
    state: Arc<CanaryState>,
}

/// Where a request goes.
#[derive(Clone)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// The rule that it matched, counted from 0: its access and de-identification hold, whoever chose the
    /// target. None if a tester chose, and no rule is for the request.
    pub rule: Option<usize>,
    /// Who answers it.
    pub target: Cow<'a, Target>,
    /// How that was chosen.
    pub choice: Choice,
    /// Who is asked, too.
    pub shadow: Option<&'a Shadow>,
    /// Whom to tell how it went, if the rule has a canary.
    pub canary: Option<Observer>,
}

/// How a target was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The rule has only this one.
    Only,
    /// At random, by the weights.
    Drawn,
    /// By the user's key and the weights.
    Sticky,
    /// By a tester.
    Override,
}

/// A tester's [`OVERRIDE_HEADER`] that names no target: an answer 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadOverride {
    /// It is no target.
    #[error(
        "{OVERRIDE_HEADER}: write NAME, NAME@previous or NAME@ and at least eight digits of the \
         version's SHA-256"
    )]
    Malformed,
    /// It is given more than once.
    #[error("{OVERRIDE_HEADER}: give one value, not several")]
    Several,
    /// There is no such function.
    #[error("{OVERRIDE_HEADER}: there is no function of this name")]
    Unknown,
}

impl Router {
    /// Checks the rules and makes them ready.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn new(rules: Vec<Rule>, options: RouterOptions) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        let mut wanted = Wanted::default();
        check::check_all(&rules, &mut mistakes);
        let ready = rules.into_iter().enumerate().map(|(index, rule)| {
            mistakes.in_rule(index);
            check::check_rule(&rule, &options, &mut mistakes);
            Ready::new(rule, &mut wanted, &mut mistakes)
        });
        let rules = ready.collect();
        mistakes.none().map(|()| Self { rules, wanted, options })
    }

    /// The same for servers where a path with a trailing slash is the same as without it: a rule for
    /// exactly one path is for both of its forms.
    #[must_use]
    pub fn ignoring_trailing_slash(mut self) -> Self {
        self.rules.iter_mut().for_each(|rule| rule.matcher.ignore_trailing_slash());
        self
    }

    /// Decides where a request goes: nowhere, if no rule matches. `draw` is a random number,
    /// uniform over all of `u64`.
    ///
    /// # Errors
    /// [`BadOverride`] if a tester asks for what is no target; never if overrides are off.
    pub fn route<'a>(
        &'a self,
        request: &Request<'_>,
        draw: u64,
    ) -> Result<Option<Decision<'a>>, BadOverride> {
        let target = self.overridden(request.headers)?;
        let body = Body::new(&self.wanted, request.body);
        let mut rules = self.rules.iter().enumerate();
        let found = rules.find(|(_, rule)| rule.matcher.holds(request, &body));
        if let Some(target) = target {
            return Ok(Some(Decision::overridden(target, found.map(|(index, _)| index))));
        }
        Ok(found.map(|(index, rule)| rule.decide(index, request, &body, draw)))
    }

    /// Whether a tester chooses the target of a request, or tries to.
    #[must_use]
    pub fn is_overridden(&self, headers: &HeaderMap) -> bool {
        self.options.override_header && headers.contains_key(OVERRIDE_HEADER)
    }

    /// Whether the body must be read before [`Router::route`] can decide about a request; if not,
    /// a body would not change its decision. Looks at all of the request but its body.
    #[must_use]
    pub fn needs_body(&self, request: &Request<'_>) -> bool {
        let overridden = self.is_overridden(request.headers);
        // The first rule that holds so far decides, unless its fields differ: then it was read.
        let rule = self.rules.iter().find(|rule| rule.matcher.holds_before_body(request));
        rule.is_some_and(|rule| {
            rule.matcher.reads_body() || (rule.reads_key_in_body() && !overridden)
        })
    }

    /// The rules of which a request matches one, as far as can be said without its body: the first
    /// that holds whatever the body is, and before it those that look into the body.
    pub fn candidates<'a>(
        &'a self,
        request: &'a Request<'_>,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let rules = self.rules.iter().enumerate();
        let mut over = false;
        rules
            .filter(|(_, rule)| rule.matcher.holds_before_body(request))
            .take_while(move |(_, rule)| !std::mem::replace(&mut over, !rule.matcher.reads_body()))
            .map(|(index, _)| index)
    }

    /// The rules, in their order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.iter().map(|ready| &ready.rule)
    }

    /// What a rule is called: its name, or its place in the list.
    #[must_use]
    pub fn name(&self, rule: usize) -> Option<Cow<'_, str>> {
        let name = self.rules.get(rule)?.rule.name.as_deref();
        Some(name.map_or_else(|| Cow::Owned(rule.to_string()), Cow::Borrowed))
    }

    /// Shares of a rule's requests that its arms get now, which sum to one.
    #[must_use]
    pub fn shares(&self, rule: usize) -> Option<Vec<f64>> {
        let weights = self.rules.get(rule)?.weights();
        let sum: f64 = weights.clone().sum();
        Some(weights.map(|weight| weight / sum).collect())
    }

    /// Canaries with the rules that they belong to, to be advanced from time to time.
    pub fn canaries(&self) -> impl Iterator<Item = (usize, &CanaryState)> {
        let rules = self.rules.iter().enumerate();
        rules.filter_map(|(index, rule)| Some((index, &*rule.canary.as_ref()?.state)))
    }

    /// Takes over canaries of `before`, so that new rules do not start again what is under way or
    /// was rolled back: those whose rule has the same name (without one, the same conditions),
    /// targets and canary.
    pub fn take_over(&mut self, before: &Self) {
        for new in &mut self.rules {
            if let Some(old) = before.rules.iter().find(|old| old.has_canary_of(&new.rule)) {
                new.canary.clone_from(&old.canary);
            }
        }
    }

    fn overridden(&self, headers: &HeaderMap) -> Result<Option<Target>, BadOverride> {
        let mut values = headers.get_all(OVERRIDE_HEADER).iter();
        let Some(value) = values.next().filter(|_| self.options.override_header) else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(BadOverride::Several);
        }
        let text = value.to_str().map_err(|_| BadOverride::Malformed)?;
        let target: Target = text.parse().map_err(|_| BadOverride::Malformed)?;
        if !self.options.functions.contains(&target.function) {
            return Err(BadOverride::Unknown);
        }
        Ok(Some(target))
    }
}

impl Ready {
    fn new(rule: Rule, wanted: &mut Wanted, mistakes: &mut Mistakes) -> Self {
        let matcher = Matcher::new(&rule.matches, wanted, mistakes);
        let sticky = rule.sticky.as_ref().map(|sticky| KeyIn::new(sticky, wanted));
        let key = sticky.and_then(|key| mistakes.take(["sticky".into()], key));
        let canary = rule.canary.as_ref().and_then(|canary| {
            let arm = rule.to.iter().position(|arm| arm.target == canary.target)?;
            Some(Moved { arm, state: Arc::new(CanaryState::new(canary)) })
        });
        let names = rule.to.iter().map(|arm| arm.target.to_string()).collect();
        Self { rule, names, matcher, key, canary }
    }

    fn has_canary_of(&self, other: &Rule) -> bool {
        let rule = &self.rule;
        let same =
            rule.name == other.name && (rule.name.is_some() || rule.matches == other.matches);
        same && rule.to == other.to && rule.canary == other.canary
    }

    fn weights(&self) -> impl Iterator<Item = f64> + Clone {
        let moved = self.canary.as_ref().map(|moved| (moved.arm, moved.state.share()));
        split::weights(&self.rule.to, moved)
    }

    fn reads_key_in_body(&self) -> bool {
        self.rule.to.len() > 1 && self.key.as_ref().is_some_and(KeyIn::reads_body)
    }

    fn decide(
        &self,
        index: usize,
        request: &Request<'_>,
        body: &Body<'_>,
        draw: u64,
    ) -> Decision<'_> {
        let (arm, choice) = self.choose(request, body, draw);
        let target = &self.rule.to[arm].target;
        let shadow = self.rule.shadow.as_ref().filter(|shadow| shadow.target != *target);
        let canary = self.canary.as_ref().map(|moved| {
            let side = if moved.arm == arm { Side::Canary } else { Side::Control };
            Observer { state: Arc::clone(&moved.state), side }
        });
        Decision {
            rule: Some(index),
            target: Cow::Borrowed(target),
            choice,
            shadow: shadow.filter(|shadow| split::within(shadow.share, draw)),
            canary,
        }
    }

    fn choose(&self, request: &Request<'_>, body: &Body<'_>, draw: u64) -> (usize, Choice) {
        if self.rule.to.len() == 1 {
            return (0, Choice::Only);
        }
        let key = self.key.as_ref().and_then(|key| key.key(request, body));
        let weights = self.weights();
        let (arm, choice) = match key {
            Some(key) => {
                let names = self.names.iter().map(String::as_str);
                (split::kept(weights, names, &key), Choice::Sticky)
            }
            None => (split::drawn(weights, draw), Choice::Drawn),
        };
        // One weight is above 0, by the checks.
        (arm.unwrap_or_default(), choice)
    }
}

impl Decision<'_> {
    fn overridden(target: Target, rule: Option<usize>) -> Self {
        Self {
            rule,
            target: Cow::Owned(target),
            choice: Choice::Override,
            shadow: None,
            canary: None,
        }
    }
}
