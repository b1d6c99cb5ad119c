//! Which version answers a request, who is asked as well, and who is told how it went.

mod shadow;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full, Limited};
use pilotlight_router::{Decision, Event, Router, Target};
use pilotlight_telemetry::{ErrorKind, Metrics, Rollback};
use serde::Serialize;
use wasmtime_wasi_http::WasiBody;

use crate::body::Body;
use crate::telemetry::Exchange;
use crate::version::Version;
pub use shadow::ShadowStatus;
use shadow::Shadows;

/// Longest body that rules look into or that is shadowed.
const MOST_BODY: usize = 1 << 20;

/// Who sent a request; a server puts it among the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Why a request came to no version, and what is answered.
type Refusal = (ErrorKind, Response<Body>);

/// Rules at work.
pub(crate) struct Routing {
    router: Router,
    /// One for each rule.
    shadows: Vec<Shadows>,
    /// What canaries count time from: one that goes on under new rules must go on counting.
    began: Instant,
}

/// What there is to know of a rule.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RuleStatus {
    /// Its name, or its place in the list.
    pub name: String,
    /// Its targets and the shares of its requests that they get.
    pub arms: Vec<(Target, f64)>,
    /// How its canary does.
    pub canary: Option<pilotlight_router::CanaryStatus>,
    /// Whom its shadow asks.
    pub shadow: Option<Target>,
    /// How the shadow's answers compare.
    pub shadowed: Option<ShadowStatus>,
}

/// Finds the version that a target names.
pub(crate) type Find<'a> = &'a (dyn Fn(&Target) -> Option<std::sync::Arc<Version>> + Sync);

impl Routing {
    /// Follows the rules of `router`; canaries that `before` had, too, go on as they are.
    pub(crate) fn new(mut router: Router, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            router.take_over(&before.router);
        }
        let shadows = router.rules().map(|_| Shadows::default()).collect();
        Self { router, shadows, began: before.map_or_else(Instant::now, |before| before.began) }
    }

    pub(crate) fn has_canaries(&self) -> bool {
        self.router.canaries().next().is_some()
    }

    /// Has the version answer that the rules choose.
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
    ) -> Result<Response<Body>, Refusal> {
        let (head, mut body) = request.into_parts();
        let mut read = None;
        if self.router.needs_body(&seen(&head, None)) {
            let bytes = collect(body).await?;
            body = whole(bytes.clone());
            read = Some(bytes);
        }
        let decided = self.router.route(&seen(&head, read.as_deref()), draw());
        let decision = decided
            .map_err(|error| malformed(&error.to_string()))?
            .ok_or_else(|| not_found(StatusCode::NOT_FOUND, "not_found", "no rule is for this"))?;
        if let Some(rule) = decision.rule {
            exchange.routed(|| self.router.name(rule).unwrap_or_default().into_owned());
        }
        let version = find(&decision.target).ok_or_else(|| {
            let error = format!("there is no version {}", decision.target);
            not_found(StatusCode::SERVICE_UNAVAILABLE, "no_version", &error)
        })?;
        let Some((shadow, shadows)) = self.shadow_of(&decision, &body) else {
            let request = Request::from_parts(head, body);
            return Ok(observed(&decision, &version, request, exchange).await);
        };
        let bytes = collect(body).await?;
        let copy = copy(&head, bytes.clone());
        let request = Request::from_parts(head, whole(bytes));
        let answer = observed(&decision, &version, request, exchange).await;
        Ok(match find(&shadow.target) {
            Some(other) => shadows.mirror(copy, answer, other, shadow.tolerance),
            None => answer,
        })
    }

    /// The shadow of a decision whose request can be asked twice.
    fn shadow_of<'a>(
        &'a self,
        decision: &Decision<'a>,
        body: &WasiBody,
    ) -> Option<(&'a pilotlight_router::Shadow, &'a Shadows)> {
        let shadow = decision.shadow?;
        let shadows = self.shadows.get(decision.rule?)?;
        // A body of unknown length may be longer than there is room for.
        if body.size_hint().upper().is_none_or(|length| length > MOST_BODY as u64) {
            shadows.skip();
            return None;
        }
        Some((shadow, shadows))
    }

    /// Moves canaries on, or back, which `metrics` are told.
    pub(crate) fn advance_canaries(&self, metrics: &Metrics) {
        for (index, canary) in self.router.canaries() {
            let rule = self.router.name(index).unwrap_or_default();
            match canary.advance(self.began.elapsed()) {
                Event::Hold => {}
                Event::Moved { share } => tracing::info!(%rule, share, "the canary moves on"),
                Event::Finished => tracing::info!(%rule, "the canary has come through"),
                Event::RolledBack { reason } => {
                    tracing::error!(%rule, %reason, "the canary is rolled back");
                    let rule = self.router.rules().nth(index);
                    if let Some(canary) = rule.and_then(|rule| rule.canary.as_ref()) {
                        metrics.rolled_back(&canary.target.function, Rollback::Canary);
                    }
                }
            }
        }
    }

    pub(crate) fn status(&self) -> Vec<RuleStatus> {
        let rules = self.router.rules().enumerate();
        rules
            .map(|(index, rule)| {
                let canary = self.router.canaries().find(|(of, _)| *of == index);
                let targets = rule.to.iter().map(|arm| arm.target.clone());
                let shares = self.router.shares(index).unwrap_or_default();
                RuleStatus {
                    name: self.router.name(index).unwrap_or_default().into_owned(),
                    arms: targets.zip(shares).collect(),
                    canary: canary.map(|(_, state)| state.status()),
                    shadow: rule.shadow.as_ref().map(|shadow| shadow.target.clone()),
                    shadowed: rule.shadow.as_ref().map(|_| self.shadows[index].status()),
                }
            })
            .collect()
    }
}

/// What rules may look at.
fn seen<'a>(head: &'a Parts, body: Option<&'a [u8]>) -> pilotlight_router::Request<'a> {
    pilotlight_router::Request {
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        client: head.extensions.get::<ClientAddress>().map(|client| client.0),
        body,
    }
}

/// Has `version` answer, and tells the canary how that went.
async fn observed(
    decision: &Decision<'_>,
    version: &Version,
    request: Request<WasiBody>,
    exchange: &mut Exchange,
) -> Response<Body> {
    let Some(canary) = &decision.canary else { return version.answer(request, exchange).await };
    let start = Instant::now();
    let response = version.answer(request, exchange).await;
    canary.observe(start.elapsed(), response.status().is_server_error());
    response
}

async fn collect(body: WasiBody) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, MOST_BODY).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            let error = format!("rules look into bodies of at most {MOST_BODY} bytes");
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
