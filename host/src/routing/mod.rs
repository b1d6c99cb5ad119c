//! Which version answers a request, who is asked as well, and who is told how it went.

mod canaries;
mod gate;
mod shadow;

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full, Limited};
use pilotlight_auth::Principal;
use pilotlight_router::{Decision, Route, Router, Target};
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::without_bom;
use serde::Serialize;
use wasmtime_wasi_http::WasiBody;

use crate::authentication::{RefusalStatus, Rejected, remove_credentials};
use crate::body::Body;
use crate::deidentification::Begun;
use crate::error::{Error, Result};
use crate::telemetry::{Exchange, Telemetry};
use crate::version::Version;
use gate::Gate;
pub(crate) use gate::Guards;
pub use shadow::ShadowStatus;
use shadow::Shadows;

/// Longest body that routes look into or that is shadowed.
const MOST_BODY: usize = 1 << 20;

/// Who sent a request; a server puts it among the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Why a request came to no version, and what is answered.
type Refusal = (ErrorKind, Response<Body>);

/// Marks a request that was let in by its head.
#[derive(Clone)]
struct Admitted {
    /// Others may have other routes.
    by: Weak<Routing>,
    principal: Principal,
}

/// Routes at work.
pub(crate) struct Routing {
    router: Router,
    /// One for each route.
    shadows: Vec<Shadows>,
    /// One for each route.
    gates: Vec<Gate>,
    /// Where testers choose a target for requests that no route is for.
    elsewhere: Gate,
    /// What canaries count time from: one that goes on under new routes must go on counting.
    began: Instant,
}

/// What there is to know of a route.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RouteStatus {
    /// Its name, or its place in the list.
    pub name: String,
    /// Its targets and the shares of its requests that they get.
    pub targets: Vec<(Target, f64)>,
    /// How its canary does.
    pub canary: Option<pilotlight_router::CanaryStatus>,
    /// Whom its shadow asks.
    pub shadow: Option<Target>,
    /// How the shadow's answers compare.
    pub shadowed: Option<ShadowStatus>,
    /// Who may ask, if the route says so itself.
    pub auth: Option<String>,
    /// How its answers are de-identified.
    pub deidentify: Option<String>,
    /// How many of its requests were not let through.
    pub refused: RefusalStatus,
}

/// An answer, or a refusal.
type Answered = std::result::Result<Response<Body>, Refusal>;

/// Finds the version that a target names.
pub(crate) type Find<'a> = &'a (dyn Fn(&Target) -> Option<Arc<Version>> + Sync);

impl Routing {
    /// Follows the routes of `router`, with `guards` before their targets; canaries that `before` had,
    /// too, go on as they are.
    ///
    /// # Errors
    /// [`Error::Options`] if a route names what `guards` have not, or
    /// what it must not.
    pub(crate) fn new(mut router: Router, guards: &Guards, before: Option<&Self>) -> Result<Self> {
        if let Some(before) = before {
            router.take_over(&before.router);
        }
        let known =
            |index, route| before.and_then(|before| before.shadows_like(router.name(index), route));
        let shadows = router.routes().enumerate();
        let shadows =
            shadows.map(|(index, route)| known(index, route).unwrap_or_default()).collect();
        let gates = router.routes().map(|route| guards.gate(route)).collect::<Result<_>>()?;
        let elsewhere = guards.elsewhere();
        let began = before.map_or_else(Instant::now, |before| before.began);
        Ok(Self { router, shadows, gates, elsewhere, began })
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
        for (route, gate) in self.router.routes().zip(&self.gates) {
            let (Some(name), Some(deidentify)) = (&route.deidentify, gate.deidentify()) else {
                continue;
            };
            let canary = route.canary.iter().map(|canary| &canary.target);
            for target in route.to.iter().map(|weighted| &weighted.target).chain(canary) {
                let Some(version) = find(target) else { continue };
                deidentify.fits(version.declared()).map_err(|source| Error::NotDeidentified {
                    name: name.clone(),
                    function: target.function.clone(),
                    source,
                })?;
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

    /// Answers a request that may not ask, if that is known without its body.
    pub(crate) fn turn_away(
        self: &Arc<Self>,
        head: &mut Parts,
        telemetry: &Telemetry,
    ) -> Option<Response<Body>> {
        let route = self.route_before_body(head)?;
        if self.gate(Some(route)).is_open() {
            return None;
        }
        let exchange = Exchange::aside(&head.headers);
        match self.admit(head, Some(route), &exchange) {
            Ok(principal) => {
                head.extensions.insert(Admitted { by: Arc::downgrade(self), principal });
                None
            }
            Err(refused) => {
                let (kind, response) = *refused;
                let mut exchange = Exchange::begin(telemetry, head);
                self.routed(Some(route), &mut exchange);
                exchange.failed(kind);
                exchange.answered(response.status(), response.headers());
                Some(response)
            }
        }
    }

    /// Has the version answer that the routes choose.
    pub(crate) async fn answer(
        &self,
        request: Request<WasiBody>,
        find: Find<'_>,
        exchange: &mut Exchange,
    ) -> Response<Body> {
        self.route(request, find, exchange).await.unwrap_or_else(|(kind, response)| {
            exchange.failed(kind);
            response
        })
    }

    async fn route(
        &self,
        request: Request<WasiBody>,
        find: Find<'_>,
        exchange: &mut Exchange,
    ) -> Answered {
        let (mut head, mut body) = request.into_parts();
        let marked = head.extensions.remove::<Admitted>();
        let admitted = match marked.filter(|mark| std::ptr::eq(mark.by.as_ptr(), self)) {
            Some(mark) => Some(mark.principal),
            None => self.admit_before_body(&head, exchange).map_err(|refused| *refused)?,
        };
        let mut read = None;
        if self.router.needs_body(&seen(&head, None)) {
            let bytes = collect(body).await?;
            body = whole(bytes.clone());
            read = Some(bytes);
        }
        let decided = self.router.route(&seen(&head, read.as_deref()), draw());
        let decision = decided
            .map_err(|error| malformed(&error.to_string()))?
            .ok_or_else(|| not_found(StatusCode::NOT_FOUND, "not_found", "no route is for this"))?;
        self.routed(decision.route, exchange);
        let admit = || self.admit(&head, decision.route, exchange);
        let principal = admitted.map_or_else(admit, Ok).map_err(|refused| *refused)?;
        if !matches!(principal, Principal::Anonymous(_)) {
            remove_credentials(&mut head.headers);
        }
        let version = find(&decision.target).ok_or_else(|| {
            exchange.counts_for(decision.canary.as_ref());
            let error = format!("there is no version {}", decision.target);
            not_found(StatusCode::SERVICE_UNAVAILABLE, "no_version", &error)
        })?;
        let asked = (&decision, &*version);
        let Some(deidentify) = self.gate(decision.route).deidentify() else {
            return self.ask(asked, Request::from_parts(head, body), find, exchange).await;
        };
        match deidentify.begin(head, body, version.answering(), exchange).await {
            Begun::Asked(request, kept) => {
                let answer = self.ask(asked, request, find, exchange).await?;
                Ok(kept.finish(answer, version.tells_timings(), exchange).await)
            }
            Begun::Answered(response) => Ok(response),
        }
    }

    /// Longest body that is taken by any target to which a request with this head may go.
    pub(crate) fn body_limit(&self, head: &Parts, find: Find<'_>) -> Option<u64> {
        if self.router.is_overridden(&head.headers) {
            return None;
        }
        let mut longest = None;
        for index in self.router.candidates(&seen(head, None)) {
            // What is de-identified is read by the host, which then asks the function something else.
            let deidentified = self.gate(Some(index)).deidentify().is_some();
            for weighted in &self.router.routes().nth(index)?.to {
                let version = find(&weighted.target)?;
                let limit = match deidentified {
                    true => u64::try_from(version.answering().limit).unwrap_or(u64::MAX),
                    false => version.accepted_body(),
                };
                longest = longest.max(Some(limit));
            }
        }
        longest
    }

    fn admit_before_body(
        &self,
        head: &Parts,
        exchange: &mut Exchange,
    ) -> std::result::Result<Option<Principal>, Rejected> {
        let route = self.route_before_body(head);
        let admitted = route.map(|route| self.admit(head, Some(route), exchange)).transpose();
        admitted.inspect_err(|_| self.routed(route, exchange))
    }

    /// The route whose access a request is under, if that is known without its body.
    fn route_before_body(&self, head: &Parts) -> Option<usize> {
        let seen = seen(head, None);
        let mut routes = self.router.candidates(&seen);
        let first = routes.next()?;
        let same = |route| self.gate(Some(route)).admits_as(self.gate(Some(first)));
        routes.all(same).then_some(first)
    }

    fn routed(&self, route: Option<usize>, exchange: &mut Exchange) {
        if let Some(route) = route {
            exchange.routed(|| self.router.name(route).unwrap_or_default().into_owned());
        }
    }

    fn gate(&self, route: Option<usize>) -> &Gate {
        route.and_then(|route| self.gates.get(route)).unwrap_or(&self.elsewhere)
    }

    fn admit(
        &self,
        head: &Parts,
        route: Option<usize>,
        exchange: &Exchange,
    ) -> std::result::Result<Principal, Rejected> {
        let name = route.and_then(|route| self.router.name(route)).unwrap_or_default();
        self.gate(route).admit(&head.headers, client(head), &name, exchange.caption())
    }

    /// Has `version` answer, and the route's shadow answer, too.
    async fn ask(
        &self,
        (decision, version): (&Decision<'_>, &Version),
        request: Request<WasiBody>,
        find: Find<'_>,
        exchange: &mut Exchange,
    ) -> Answered {
        exchange.counts_for(decision.canary.as_ref());
        let (head, body) = request.into_parts();
        let Some((shadow, shadows)) = self.shadow_of(decision, &body) else {
            let request = Request::from_parts(head, body);
            return Ok(version.answer(request, exchange).await);
        };
        let bytes = collect(body).await?;
        let copy = copy(&head, bytes.clone());
        let request = Request::from_parts(head, whole(bytes));
        let answer = version.answer(request, exchange).await;
        Ok(match find(&shadow.target) {
            Some(other) => shadows.mirror(copy, answer, other, shadow.tolerance),
            None => {
                shadows.skip();
                answer
            }
        })
    }

    /// The shadow of a decision whose request can be asked twice.
    fn shadow_of<'a>(
        &'a self,
        decision: &Decision<'a>,
        body: &WasiBody,
    ) -> Option<(&'a pilotlight_router::Shadow, &'a Shadows)> {
        let shadow = decision.shadow?;
        let shadows = self.shadows.get(decision.route?)?;
        // A body of unknown length may be longer than there is room for.
        if body.size_hint().upper().is_none_or(|length| length > MOST_BODY as u64) {
            shadows.skip();
            return None;
        }
        Some((shadow, shadows))
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
                    refused: self.gates[index].refused(),
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

fn client(head: &Parts) -> Option<IpAddr> {
    head.extensions.get::<ClientAddress>().map(|client| client.0)
}

async fn collect(body: WasiBody) -> std::result::Result<Bytes, Refusal> {
    let collected = Limited::new(body, MOST_BODY).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            let error = format!("routes look into bodies of at most {MOST_BODY} bytes");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return (ErrorKind::TooLarge, Body::refusal(status, "payload_too_large", &error));
        }
        malformed("the body was not received whole")
    })
}

fn whole(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// The same request once more.
fn copy(head: &Parts, bytes: Bytes) -> Request<WasiBody> {
    let mut request = Request::new(whole(bytes));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.version_mut() = head.version;
    request.headers_mut().clone_from(&head.headers);
    request
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
