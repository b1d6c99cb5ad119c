use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;

use crate::canary::{CanaryState, Observer, Side};
use crate::check;
use crate::error::{RouteError, RouteErrors};
use crate::fields::{Body, Wanted};
use crate::matching::Matcher;
use crate::options::RouterOptions;
use crate::request::Request;
use crate::route::{Route, Shadow};
use crate::split;
use crate::sticky::KeyIn;
use crate::target::Target;

/// Header that names a version: in a response the one that answered; in a request the target that a tester asks
/// for, if [`RouterOptions::override_header`] is on.
pub const VERSION_HEADER: &str = "x-pilotlight-version";

/// Checked routes, shared by many threads.
pub struct Router {
    routes: Vec<Ready>,
    wanted: Wanted,
    options: RouterOptions,
}

/// A checked route.
struct Ready {
    route: Route,
    /// Names of the targets, as they are hashed.
    names: Vec<String>,
    matcher: Matcher,
    key: Option<KeyIn>,
    canary: Option<Moved>,
}

/// The target whose weight a canary moves.
#[derive(Clone)]
struct Moved {
    index: usize,
    state: Arc<CanaryState>,
}

/// Routing decision for a request.
#[derive(Clone)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// The route that it matched, counted from 0: its authentication and de-identification apply, whoever chose the
    /// target. None if a tester chose, and no route is for the request.
    pub route: Option<usize>,
    /// Target that answers the request.
    pub target: Cow<'a, Target>,
    /// How the target was chosen.
    pub choice: Choice,
    /// Shadow target that also gets the request.
    pub shadow: Option<&'a Shadow>,
    /// Observer for the result, if the route has a canary.
    pub canary: Option<Observer>,
}

/// How a target was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The route has only this one.
    Only,
    /// At random, by the weights.
    Drawn,
    /// By the user's key and the weights.
    Sticky,
    /// By a tester.
    Override,
}

/// A tester's [`VERSION_HEADER`] that names no target: an answer 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadOverride {
    /// It is no target.
    #[error(
        "{VERSION_HEADER}: must be NAME, NAME@previous, or NAME@ and at least eight digits of the \
         version's SHA-256"
    )]
    Malformed,
    /// The header is sent several times.
    #[error("{VERSION_HEADER}: is sent several times; send it once")]
    Several,
    /// There is no such function.
    #[error("{VERSION_HEADER}: the function does not exist")]
    Unknown,
}

impl Router {
    /// Checks the routes and makes them ready.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn new(routes: Vec<Route>, options: RouterOptions) -> Result<Self, Vec<RouteError>> {
        let mut errors = RouteErrors::default();
        let mut wanted = Wanted::default();
        check::check_all(&routes, &mut errors);
        let ready = routes.into_iter().enumerate().map(|(index, route)| {
            errors.in_route(index);
            check::check_route(&route, &options, &mut errors);
            Ready::new(route, &mut wanted, &mut errors)
        });
        let routes = ready.collect();
        errors.none().map(|()| Self { routes, wanted, options })
    }

    /// The same for servers where a path with a trailing slash is the same as without it: a route for
    /// exactly one path is for both of its forms.
    #[must_use]
    pub fn ignoring_trailing_slash(mut self) -> Self {
        self.routes.iter_mut().for_each(|route| route.matcher.ignore_trailing_slash());
        self
    }

    /// Decides where a request goes: nowhere, if no route matches. `draw` is a random number,
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
        let mut routes = self.routes.iter().enumerate();
        let found = routes.find(|(_, route)| route.matcher.holds(request, &body));
        if let Some(target) = target {
            return Ok(Some(Decision::overridden(target, found.map(|(index, _)| index))));
        }
        Ok(found.map(|(index, route)| route.decide(index, request, &body, draw)))
    }

    /// Whether a tester chooses the target of a request, or tries to.
    #[must_use]
    pub fn is_overridden(&self, headers: &HeaderMap) -> bool {
        self.options.override_header && headers.contains_key(VERSION_HEADER)
    }

    /// Whether the body must be read before [`Router::route`] can decide about a request; if not,
    /// a body would not change its decision. Looks at all of the request but its body.
    #[must_use]
    pub fn needs_body(&self, request: &Request<'_>) -> bool {
        let overridden = self.is_overridden(request.headers);
        // The first route that holds so far decides, unless its fields differ: then it was read.
        let route = self.routes.iter().find(|route| route.matcher.holds_before_body(request));
        route.is_some_and(|route| {
            route.matcher.reads_body() || (route.reads_key_in_body() && !overridden)
        })
    }

    /// The routes of which a request matches one, as far as can be said without its body: the first
    /// that holds whatever the body is, and before it those that look into the body.
    pub fn candidates<'a>(
        &'a self,
        request: &'a Request<'_>,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let routes = self.routes.iter().enumerate();
        let mut over = false;
        routes
            .filter(|(_, route)| route.matcher.holds_before_body(request))
            .take_while(move |(_, route)| {
                !std::mem::replace(&mut over, !route.matcher.reads_body())
            })
            .map(|(index, _)| index)
    }

    /// The routes, in their order.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = &Route> {
        self.routes.iter().map(|ready| &ready.route)
    }

    /// Name of a route, or its position in the list.
    #[must_use]
    pub fn name(&self, route: usize) -> Option<Cow<'_, str>> {
        let name = self.routes.get(route)?.route.name.as_deref();
        Some(name.map_or_else(|| Cow::Owned(route.to_string()), Cow::Borrowed))
    }

    /// Shares of a route's requests that its targets get now, which sum to one.
    #[must_use]
    pub fn shares(&self, route: usize) -> Option<Vec<f64>> {
        let weights = self.routes.get(route)?.weights();
        let sum: f64 = weights.clone().sum();
        Some(weights.map(|weight| weight / sum).collect())
    }

    /// Canaries with the routes that they belong to, to be advanced from time to time.
    pub fn canaries(&self) -> impl Iterator<Item = (usize, &CanaryState)> {
        let routes = self.routes.iter().enumerate();
        routes.filter_map(|(index, route)| Some((index, &*route.canary.as_ref()?.state)))
    }

    /// Takes over canaries of `before`, so that new routes do not start again what is under way or
    /// was rolled back: those whose route has the same name (without one, the same conditions),
    /// targets and canary.
    pub fn take_over(&mut self, before: &Self) {
        for new in &mut self.routes {
            if let Some(old) = before.routes.iter().find(|old| old.has_canary_of(&new.route)) {
                new.canary.clone_from(&old.canary);
            }
        }
    }

    fn overridden(&self, headers: &HeaderMap) -> Result<Option<Target>, BadOverride> {
        let mut values = headers.get_all(VERSION_HEADER).iter();
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
    fn new(route: Route, wanted: &mut Wanted, errors: &mut RouteErrors) -> Self {
        let matcher = Matcher::new(&route.matches, wanted, errors);
        let sticky = route.sticky.as_ref().map(|sticky| KeyIn::new(sticky, wanted));
        let key = sticky.and_then(|key| errors.take(["sticky".into()], key));
        let canary = route.canary.as_ref().and_then(|canary| {
            let index = route.to.iter().position(|weighted| weighted.target == canary.target)?;
            Some(Moved { index, state: Arc::new(CanaryState::new(canary)) })
        });
        let names = route.to.iter().map(|weighted| weighted.target.to_string()).collect();
        Self { route, names, matcher, key, canary }
    }

    fn has_canary_of(&self, other: &Route) -> bool {
        let route = &self.route;
        let same =
            route.name == other.name && (route.name.is_some() || route.matches == other.matches);
        same && route.to == other.to && route.canary == other.canary
    }

    fn weights(&self) -> impl Iterator<Item = f64> + Clone {
        let moved = self.canary.as_ref().map(|moved| (moved.index, moved.state.share()));
        split::weights(&self.route.to, moved)
    }

    fn reads_key_in_body(&self) -> bool {
        self.route.to.len() > 1 && self.key.as_ref().is_some_and(KeyIn::reads_body)
    }

    fn decide(
        &self,
        index: usize,
        request: &Request<'_>,
        body: &Body<'_>,
        draw: u64,
    ) -> Decision<'_> {
        let (chosen, choice) = self.choose(request, body, draw);
        let target = &self.route.to[chosen].target;
        let shadow = self.route.shadow.as_ref().filter(|shadow| shadow.target != *target);
        let canary = self.canary.as_ref().map(|moved| {
            let side = if moved.index == chosen { Side::Canary } else { Side::Control };
            Observer { state: Arc::clone(&moved.state), side }
        });
        Decision {
            route: Some(index),
            target: Cow::Borrowed(target),
            choice,
            shadow: shadow.filter(|shadow| split::within(shadow.share, draw)),
            canary,
        }
    }

    fn choose(&self, request: &Request<'_>, body: &Body<'_>, draw: u64) -> (usize, Choice) {
        if self.route.to.len() == 1 {
            return (0, Choice::Only);
        }
        let key = self.key.as_ref().and_then(|key| key.key(request, body));
        let weights = self.weights();
        let (chosen, choice) = match key {
            Some(key) => {
                let names = self.names.iter().map(String::as_str);
                (split::kept(weights, names, &key), Choice::Sticky)
            }
            None => (split::drawn(weights, draw), Choice::Drawn),
        };
        // One weight is above 0, by the checks.
        (chosen.unwrap_or_default(), choice)
    }
}

impl Decision<'_> {
    fn overridden(target: Target, route: Option<usize>) -> Self {
        Self {
            route,
            target: Cow::Owned(target),
            choice: Choice::Override,
            shadow: None,
            canary: None,
        }
    }
}
