//! The administration API: probes, metrics, status, and changes of versions.
//! The top of the library: only the program uses it. Calls the host; does not know how requests are served.

mod functions;
mod repository;
mod upload;

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use pilotlight_wire::without_trailing_slash;

use crate::deploy::NewVersion;
use crate::error::Result;
use crate::host::Host;
use crate::http::Readiness;
use crate::request::Body;
use crate::request::target::{malformed, normalize};
pub use pilotlight_auth::AdminToken;
use upload::{UploadLimits, Uploads};

/// Answers `/health` (the process runs), `/ready` (the functions take requests), `/metrics` (what was
/// counted, for Prometheus), `/metrics/load` (the load, for endpoint pickers), `/status` (how they started, what their pools hold), `/routes` (which
/// requests they get), and `/functions` and `/v2/repository`, where versions are changed.
#[derive(Clone)]
pub struct Admin {
    readiness: Readiness,
    started: Arc<OnceLock<Started>>,
    swaps: Option<Swaps>,
    upload_limits: UploadLimits,
    uploads: Uploads,
    visibility: Visibility,
}

/// Visibility to paths other than those that are for everybody ([`is_public`]).
#[derive(Clone)]
enum Visibility {
    /// Every client of the listener.
    Everybody,
    /// Clients with the token.
    Token(AdminToken),
    /// No visibility, or only to metrics; `told` is the error message for everything else.
    Probes { metrics: bool, told: Arc<str> },
}

/// Plans a new version of a function from the path of its source, or a reference to it.
pub type SwapPlan = dyn Fn(&str, &Path) -> Result<NewVersion> + Send + Sync;

/// Changes of versions.
#[derive(Clone)]
struct Swaps {
    plan: Arc<SwapPlan>,
}

/// The host, once it has started.
struct Started {
    host: Host,
    /// Start of the process, in microseconds since 1970.
    main_unix_us: u64,
    load: Duration,
}

impl Admin {
    /// Reports `readiness`.
    pub fn new(readiness: Readiness) -> Self {
        let (upload_limits, uploads) = (UploadLimits::default(), Uploads::default());
        let (started, visibility) = (Arc::default(), Visibility::Everybody);
        Self { readiness, started, swaps: None, upload_limits, uploads, visibility }
    }

    /// Requires `token` for everything but `/health`, `/ready` and `/metrics/load`.
    #[must_use]
    pub fn with_token(self, token: AdminToken) -> Self {
        Self { visibility: Visibility::Token(token), ..self }
    }

    /// Serves only `/health`, `/ready` and `/metrics/load`, for listeners that other machines can reach.
    /// `elsewhere` tells where the other paths are available.
    #[must_use]
    pub fn probes_only(self, elsewhere: &str) -> Self {
        let told = format!(
            "this listener is not local, so without a token only /health, /ready and /metrics/load are \
             available; {elsewhere}"
        );
        Self { visibility: Visibility::Probes { metrics: false, told: told.into() }, ..self }
    }

    /// Serves only `/health`, `/ready`, `/metrics` and `/metrics/load`, for listeners that every user of
    /// this machine can reach. `elsewhere` tells where the other paths are available.
    #[must_use]
    pub fn probes_and_metrics_only(self, elsewhere: &str) -> Self {
        let told = format!(
            "only /health, /ready, /metrics and /metrics/load are available on this address, because \
             every user of this machine can reach it; {elsewhere}"
        );
        Self { visibility: Visibility::Probes { metrics: true, told: told.into() }, ..self }
    }

    /// Limits uploaded components to `bytes` bytes and `time`; by default 2 GiB and ten minutes.
    #[must_use]
    pub fn with_upload_limits(self, bytes: u64, time: Duration) -> Self {
        Self { upload_limits: UploadLimits { bytes, time }, ..self }
    }

    /// Enables changes of versions: `plan` returns the version to load for a function and the path
    /// of a component or model folder. Use it only for listeners with a token, or that only
    /// authorized users can reach.
    #[must_use]
    pub fn with_swaps(
        self,
        plan: impl Fn(&str, &Path) -> Result<NewVersion> + Send + Sync + 'static,
    ) -> Self {
        Self { swaps: Some(Swaps { plan: Arc::new(plan) }), ..self }
    }

    /// Reports on `host` from now on, whose process started at `main` and which took `load` to
    /// load.
    pub fn started(&self, host: Host, main: SystemTime, load: Duration) {
        let since = main.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let started = Started { host, main_unix_us: since.as_micros() as u64, load };
        // A second host has nobody to ask for it.
        let _ = self.started.set(started);
    }

    fn status(&self) -> serde_json::Value {
        let Some(started) = self.started.get() else {
            return serde_json::json!({"status": "loading"});
        };
        serde_json::json!({
            "status": "loaded",
            "start": {
                "main_unix_us": started.main_unix_us,
                "load_us": started.load.as_micros() as u64,
            },
            "functions": functions::by_name(&started.host),
            "routes": started.host.routes(),
        })
    }

    /// The routes, and the functions that they name.
    fn routes(&self) -> serde_json::Value {
        let host = self.started.get().map(|started| &started.host);
        let routes = host.map(Host::routes).unwrap_or_default();
        let functions = host.map(functions::by_name).unwrap_or_default();
        serde_json::json!({"routes": routes, "functions": functions})
    }

    /// What those are told who may not see `path`.
    fn refusal(&self, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        match &self.visibility {
            _ if is_public(path) => None,
            Visibility::Everybody => None,
            Visibility::Token(token) if token.matches(headers) => None,
            Visibility::Token(_) => {
                let error = "the administration API requires its token; send `authorization: \
                    Bearer TOKEN`";
                let mut refused = Body::refusal(StatusCode::UNAUTHORIZED, "unauthorized", error);
                let bearer = HeaderValue::from_static("Bearer");
                refused.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
                Some(refused)
            }
            Visibility::Probes { metrics: true, .. } if path == "/metrics" => None,
            Visibility::Probes { told, .. } => {
                Some(Body::refusal(StatusCode::FORBIDDEN, "forbidden", told))
            }
        }
    }

    async fn answer<B>(self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut head, body) = request.into_parts();
        if let Err(bad) = normalize(&mut head) {
            return malformed(&bad);
        }
        let request = Request::from_parts(head, body);
        let path = without_trailing_slash(request.uri().path());
        if let Some(refusal) = self.refusal(path, request.headers()) {
            return refusal;
        }
        if path == "/functions" || path.starts_with("/functions/") {
            return self.change(request).await;
        }
        if path.starts_with(repository::REPOSITORY) {
            return self.repository(request).await;
        }
        if request.method() == Method::OPTIONS && is_read(path) {
            return allows(READ);
        }
        let says = |status, text: &str| Body::json(status, &serde_json::json!({"status": text}));
        let response = match path {
            "/health" => says(StatusCode::OK, "ok"),
            "/ready" if self.readiness.get() => says(StatusCode::OK, "ready"),
            "/ready" => says(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
            "/metrics" => match self.started.get() {
                Some(started) => metrics(&started.host, request.headers()),
                None => says(StatusCode::SERVICE_UNAVAILABLE, "loading"),
            },
            LOAD => match self.started.get() {
                Some(started) => exposition(started.host.metrics().render_load()),
                None => says(StatusCode::SERVICE_UNAVAILABLE, "loading"),
            },
            "/status" => Body::json(StatusCode::OK, &self.status()),
            "/routes" => Body::json(StatusCode::OK, &self.routes()),
            _ => return says(StatusCode::NOT_FOUND, "not found"),
        };
        if request.method() == Method::GET || request.method() == Method::HEAD {
            return response;
        }
        not_allowed(READ)
    }
}

/// Path of the load of the server.
const LOAD: &str = "/metrics/load";

/// Whether everybody who reaches the listener may read `path`: the kubelet and endpoint pickers send no token,
/// and none of these answers names a function.
fn is_public(path: &str) -> bool {
    matches!(path, "/health" | "/ready" | LOAD)
}

/// Methods of what is only read.
const READ: &str = "GET, HEAD";

fn is_read(path: &str) -> bool {
    is_public(path) || matches!(path, "/metrics" | "/status" | "/routes" | "*")
}

/// What an answer to `OPTIONS` says.
fn allows(allowed: &'static str) -> Response<Body> {
    let mut response = Body::empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// In the format that is asked for: Prometheus's text or OpenMetrics.
fn metrics(host: &Host, headers: &HeaderMap) -> Response<Body> {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|accepted| accepted.to_str().ok()).collect();
    exposition(host.metrics().render(&accepted.join(",")))
}

fn exposition((content_type, text): (&'static str, String)) -> Response<Body> {
    let mut response = Response::new(Body::full(text.into_bytes()));
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn not_allowed(allowed: &'static str) -> Response<Body> {
    let content = serde_json::json!({"status": "method not allowed"});
    let mut response = Body::json(StatusCode::METHOD_NOT_ALLOWED, &content);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

impl<B> tower::Service<Request<B>> for Admin
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let admin = self.clone();
        Box::pin(async move { Ok(admin.answer(request).await) })
    }
}
