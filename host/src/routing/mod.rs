//! Selects the version that answers a request, and the authentication, de-identification, canary and shadow of its route.
//! Used by `http`, `scrape` and `host`. Does not know sockets or layers.

mod canaries;
mod policy;
mod shadow;
mod table;

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode};
use pilotlight_auth::Principal;
use pilotlight_router::{Decision, Observer, Route, Router, Target};
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::without_bom;
use serde::Serialize;
use wasmtime_wasi_http::WasiBody;

use crate::authentication::{RefusalStatus, Rejected, remove_credentials};
use crate::deidentification::{self, Deidentification};
use crate::deploy::Version;
use crate::error::{Error, Result};
use crate::request::{Body, CollectError, Refusal, RequestContext, client, collect, whole};
pub(crate) use policy::RoutePolicies;
use policy::RoutePolicy;
pub(crate) use shadow::RoutedShadow;
pub use shadow::ShadowStatus;
use shadow::Shadows;
pub(crate) use table::{Functions, Table};

/// Default name of a function.
pub const DEFAULT_FUNCTION: &str = "default";
/// Longest body that routes look into or that is shadowed.
const MOST_BODY: usize = 1 << 20;

/// The principal of a request that was authenticated by its head; one of its extensions.
#[derive(Clone)]
pub(crate) struct Authenticated {
    /// Another table may have other routes.
    by: Weak<Routing>,
    principal: Principal,
}

/// What a request was routed to; one of its extensions.
#[derive(Clone)]
pub(crate) struct Routed {
    pub(crate) version: Arc<Version>,
    pub(crate) deidentification: Option<Arc<Deidentification>>,
    /// Whether texts pass where the version fails.
    pub(crate) fails_open: bool,
    pub(crate) shadow: Option<RoutedShadow>,
    /// Judged by how the request goes.
    pub(crate) canary: Option<Observer>,
}

/// Routes at work.
pub(crate) struct Routing {
    router: Router,
    /// One for each route.
    shadows: Vec<Shadows>,
    /// One for each route.
    policies: Vec<RoutePolicy>,
    /// Where testers choose a target for requests that no route is for.
    without_route: RoutePolicy,
    /// What canaries count time from: one that goes on under new routes must go on counting.
    began: Instant,
}

impl Routed {
    /// To `version`, which everybody may call.
    fn to(version: Arc<Version>) -> Self {
        let (deidentification, shadow, canary) = (None, None, None);
        Self { version, deidentification, fails_open: false, shadow, canary }
    }
}

/// Status of a route.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RouteStatus {
    /// Its name, or its place in the list.
    pub name: String,
    /// Its targets and the shares of its requests that they get.
    pub targets: Vec<(Target, f64)>,
    /// Status of its canary.
    pub canary: Option<pilotlight_router::CanaryStatus>,
    /// Target of its shadow traffic.
    pub shadow: Option<Target>,
    /// Comparisons of its shadow traffic.
    pub shadowed: Option<ShadowStatus>,
    /// `[auth]` section of the route.
    pub auth: Option<String>,
    /// `[deidentify]` section of the route.
    pub deidentify: Option<String>,
    /// Rejected requests.
    pub refused: RefusalStatus,
}

/// Finds the version that a target names.
pub(crate) type Find<'a> = &'a (dyn Fn(&Target) -> Option<Arc<Version>> + Sync);

impl Routing {
    /// Follows the routes of `router`, with `policies` before their targets; canaries that `before` had,
    /// too, go on as they are.
    ///
    /// # Errors
    /// [`Error::Options`] if a route names what `policies` have not, or
    /// what it must not.
    pub(crate) fn new(
        mut router: Router,
        policies: &RoutePolicies,
        before: Option<&Self>,
    ) -> Result<Self> {
        if let Some(before) = before {
            router.take_over(&before.router);
        }
        let known =
            |index, route| before.and_then(|before| before.shadows_like(router.name(index), route));
        let shadows = router.routes().enumerate();
        let shadows =
            shadows.map(|(index, route)| known(index, route).unwrap_or_default()).collect();
        let without_route = policies.without_route();
        let policies =
            router.routes().map(|route| policies.of_route(route)).collect::<Result<_>>()?;
        let began = before.map_or_else(Instant::now, |before| before.began);
        Ok(Self { router, shadows, policies, without_route, began })
    }

    /// Refuses a version of `function` to which a de-identification of its routes cannot be applied.
    ///
    /// # Errors
    /// [`Error::NotDeidentified`].
    pub(crate) fn check(&self, function: &str, version: &Version) -> Result<()> {
        self.check_each(|target| (target.function == function).then_some(version))
    }

    /// Refuses every version that a de-identified route leads to, and that its de-identification cannot be
    /// applied to. A shadow's answers reach nobody.
    ///
    /// # Errors
    /// [`Error::NotDeidentified`].
    pub(crate) fn check_each<V: Deref<Target = Version>>(
        &self,
        find: impl Fn(&Target) -> Option<V>,
    ) -> Result<()> {
        for (route, policy) in self.router.routes().zip(&self.policies) {
            let (Some(name), Some(deidentify)) = (&route.deidentify, policy.deidentify()) else {
                continue;
            };
            let canary = route.canary.iter().map(|canary| &canary.target);
            for target in route.to.iter().map(|weighted| &weighted.target).chain(canary) {
                let Some(version) = find(target) else { continue };
                deidentify.fits(version.declared().map(|declared| &**declared)).map_err(
                    |source| Error::NotDeidentified {
                        name: name.clone(),
                        function: target.function.clone(),
                        source,
                    },
                )?;
            }
        }
        Ok(())
    }

    /// What is counted of the shadow of a route of this name that is the same.
    fn shadows_like(&self, name: Option<Cow<'_, str>>, route: &Route) -> Option<Shadows> {
        let mut routes = self.router.routes().enumerate();
        let same =
            |index, other: &Route| self.router.name(index) == name && other.shadow == route.shadow;
        let (index, _) = routes.find(|(index, other)| same(*index, other))?;
        self.shadows.get(index).cloned()
    }

    /// Authenticates a request by its head; none, if only its body tells which route is for it.
    ///
    /// # Errors
    /// The response to a request that is rejected.
    pub(crate) fn authenticate(
        self: &Arc<Self>,
        head: &Parts,
        context: &RequestContext,
    ) -> std::result::Result<Option<Authenticated>, Rejected> {
        let Some(route) = self.route_before_body(head) else { return Ok(None) };
        let principal = self.authenticate_for(head, Some(route), context);
        let principal = principal.inspect_err(|_| self.tell_route(Some(route), context))?;
        Ok(Some(Authenticated { by: Arc::downgrade(self), principal }))
    }

    /// Finds the version that the routes choose, and authenticates what was not by its head.
    ///
    /// # Errors
    /// The response, where there is none.
    pub(crate) async fn route(
        &self,
        request: Request<WasiBody>,
        find: Find<'_>,
        context: &RequestContext,
    ) -> std::result::Result<(Request<WasiBody>, Routed), Refusal> {
        let (mut head, mut body) = request.into_parts();
        let mut principal = self.authenticated(&mut head);
        if principal.is_none()
            && let Some(route) = self.route_before_body(&head)
        {
            // The table has changed since.
            let authenticated = self.authenticate_for(&head, Some(route), context);
            principal = Some(authenticated.map_err(|rejected| *rejected)?);
        }
        let mut read = None;
        if self.router.needs_body(&seen(&head, None)) {
            let bytes = collect_for_routes(body).await?;
            body = whole(bytes.clone());
            read = Some(bytes);
        }
        let decided = self.router.route(&seen(&head, read.as_deref()), draw());
        let decision = decided
            .map_err(|error| malformed(&error.to_string()))?
            .ok_or_else(|| not_found(StatusCode::NOT_FOUND, "not_found", "no route matches"))?;
        self.tell_route(decision.route, context);
        let principal = match principal {
            Some(principal) => principal,
            None => self
                .authenticate_for(&head, decision.route, context)
                .map_err(|rejected| *rejected)?,
        };
        if !matches!(principal, Principal::Anonymous(_)) {
            remove_credentials(&mut head.headers);
        }
        let version = find(&decision.target).ok_or_else(|| {
            context.observed_by(decision.canary.as_ref());
            let error = format!("version {} does not exist", decision.target);
            not_found(StatusCode::SERVICE_UNAVAILABLE, "no_version", &error)
        })?;
        let routed = Routed {
            version,
            deidentification: self.policy(decision.route).deidentify().cloned(),
            fails_open: self.policy(decision.route).fails_open(),
            shadow: self.shadow(&decision, find),
            canary: decision.canary,
        };
        Ok((Request::from_parts(head, body), routed))
    }

    /// Longest body that is taken by any target to which a request with this head may go.
    pub(crate) fn body_limit(&self, head: &Parts, find: Find<'_>) -> Option<u64> {
        if self.router.is_overridden(&head.headers) {
            return None;
        }
        let mut longest = None;
        for index in self.router.candidates(&seen(head, None)) {
            // What is de-identified is read by the host, which then asks the function something else.
            let deidentified = self.policy(Some(index)).deidentify().is_some();
            for weighted in &self.router.routes().nth(index)?.to {
                let version = find(&weighted.target)?;
                let limit = match deidentified {
                    true => u64::try_from(version.body_limit()).unwrap_or(u64::MAX),
                    false => version.accepted_body(),
                };
                longest = longest.max(Some(limit));
            }
        }
        longest
    }

    /// Whether `holds` for all targets to which a request with this head may go, or it is a stream that the host
    /// de-identifies itself, and there are some. Routes that look into bodies read them first.
    pub(crate) fn all_targets(&self, head: &Parts, holds: &dyn Fn(&Target) -> bool) -> bool {
        let seen = seen(head, None);
        if self.router.is_overridden(&head.headers) || self.router.needs_body(&seen) {
            return false;
        }
        let mut any = false;
        let is_stream = deidentification::is_stream(head.uri.path());
        for index in self.router.candidates(&seen) {
            let Some(route) = self.router.routes().nth(index) else { return false };
            let canary = route.canary.iter().map(|canary| &canary.target);
            let mut targets = route.to.iter().map(|weighted| &weighted.target).chain(canary);
            let is_own = is_stream && route.deidentify.is_some();
            let is_plain = route.shadow.is_none() && (is_own || route.deidentify.is_none());
            if !is_plain || !(is_own || targets.all(holds)) {
                return false;
            }
            any = true;
        }
        any
    }

    /// Who sent the request, if that was found by these routes.
    fn authenticated(&self, head: &mut Parts) -> Option<Principal> {
        let authenticated = head.extensions.remove::<Authenticated>()?;
        std::ptr::eq(authenticated.by.as_ptr(), self).then_some(authenticated.principal)
    }

    /// The first route that may be for a request, if all that may be authenticate alike.
    fn route_before_body(&self, head: &Parts) -> Option<usize> {
        let seen = seen(head, None);
        let mut routes = self.router.candidates(&seen);
        let first = routes.next()?;
        let same = |route| self.policy(Some(route)).authenticates_as(self.policy(Some(first)));
        routes.all(same).then_some(first)
    }

    fn tell_route(&self, route: Option<usize>, context: &RequestContext) {
        if let Some(route) = route {
            context.routed(|| self.router.name(route).unwrap_or_default().into_owned());
        }
    }

    fn policy(&self, route: Option<usize>) -> &RoutePolicy {
        route.and_then(|route| self.policies.get(route)).unwrap_or(&self.without_route)
    }

    fn authenticate_for(
        &self,
        head: &Parts,
        route: Option<usize>,
        context: &RequestContext,
    ) -> std::result::Result<Principal, Rejected> {
        let name = route.and_then(|route| self.router.name(route)).unwrap_or_default();
        self.policy(route).authenticate(&head.headers, client(head), &name, context)
    }

    /// The shadow of the decision's route.
    fn shadow(&self, decision: &Decision<'_>, find: Find<'_>) -> Option<RoutedShadow> {
        let shadow = decision.shadow?;
        let counts = self.shadows.get(decision.route?)?.clone();
        let (version, tolerance) = (find(&shadow.target), shadow.tolerance);
        Some(RoutedShadow { counts, version, tolerance })
    }

    pub(crate) fn status(&self) -> Vec<RouteStatus> {
        let routes = self.router.routes().enumerate();
        routes
            .map(|(index, route)| {
                let canary = self.router.canaries().find(|(of, _)| *of == index);
                let targets = route.to.iter().map(|weighted| weighted.target.clone());
                let shares = self.router.shares(index).unwrap_or_default();
                RouteStatus {
                    name: self.router.name(index).unwrap_or_default().into_owned(),
                    targets: targets.zip(shares).collect(),
                    canary: canary.map(|(_, state)| state.status()),
                    shadow: route.shadow.as_ref().map(|shadow| shadow.target.clone()),
                    auth: route.auth.clone(),
                    deidentify: route.deidentify.clone(),
                    refused: self.policies[index].refused(),
                    shadowed: route.shadow.as_ref().map(|_| self.shadows[index].status()),
                }
            })
            .collect()
    }
}

/// What routes may look at.
fn seen<'a>(head: &'a Parts, body: Option<&'a [u8]>) -> pilotlight_router::Request<'a> {
    pilotlight_router::Request {
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        client: client(head),
        // Whoever answers ignores a byte order mark, too.
        body: body.map(without_bom),
    }
}

async fn collect_for_routes(body: WasiBody) -> std::result::Result<Bytes, Refusal> {
    collect(body, MOST_BODY).await.map_err(|error| match error {
        CollectError::TooLong => {
            let error = format!(
                "the body exceeds {MOST_BODY} bytes, the maximum for routes that read bodies"
            );
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            (ErrorKind::TooLarge, Body::refusal(status, "payload_too_large", &error))
        }
        CollectError::Broken(_) => malformed(&error.to_string()),
    })
}

fn malformed(error: &str) -> Refusal {
    (ErrorKind::Malformed, Body::refusal(StatusCode::BAD_REQUEST, "malformed", error))
}

fn not_found(status: StatusCode, error_type: &str, error: &str) -> Refusal {
    (ErrorKind::NotFound, Body::refusal(status, error_type, error))
}

/// Splits traffic; nobody gains by guessing it.
fn draw() -> u64 {
    RandomState::new().build_hasher().finish()
}
