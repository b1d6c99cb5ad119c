//! Cross-origin requests of web pages (CORS, of the Fetch standard).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use pilotlight_wire::check_origin;
use tower::{Layer, Service};
use tower_http::cors::{self, AllowHeaders, AllowOrigin, Any, CorsLayer};

use crate::error::{Error, Result};
use crate::request::{REQUEST_ID, request_id};

/// Stands for everything.
const ANY: &str = "*";

/// Which web pages may send requests, and what they may send and read. Each list can be `["*"]`,
/// which is everything, unless `allow_credentials` is set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorsOptions {
    /// Origins of pages that may, such as `https://app.example`.
    pub allow_origins: Vec<String>,
    /// Methods that they may use.
    pub allow_methods: Vec<String>,
    /// Headers that they may send, besides those that are always allowed.
    pub allow_headers: Vec<String>,
    /// Headers of answers that they may read, besides those that they always may.
    pub expose_headers: Vec<String>,
    /// Time for which browsers can cache a preflight answer; browsers use five seconds by default.
    pub max_age: Option<Duration>,
    /// Whether browsers may send cookies and other credentials of their own accord.
    pub allow_credentials: bool,
}

/// A [`Layer`] that answers preflight requests itself and adds CORS headers to all other answers:
/// in front of everything that refuses requests.
#[derive(Clone)]
pub struct Cors(CorsLayer);

/// A service behind [`Cors`].
#[derive(Clone)]
pub struct CorsService<S>(cors::Cors<Reidentified<S>>);

/// Marks an `OPTIONS` request that is no preflight request: `tower-http` takes every `OPTIONS` for one,
/// so that it has another method while it passes.
#[derive(Clone, Copy)]
struct NoPreflight;

/// A service that gets such requests as they were.
#[derive(Clone)]
struct Reidentified<S>(S);

impl Default for CorsOptions {
    /// No origin; the methods, and the headers, of this project's functions.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            allow_origins: Vec::new(),
            allow_methods: list(&["GET", "HEAD", "POST"]),
            allow_headers: list(&["authorization", "content-type", "x-api-key", "x-request-id"]),
            expose_headers: list(&["retry-after", "x-request-id"]),
            max_age: None,
            allow_credentials: false,
        }
    }
}

impl Cors {
    /// CORS with `options`.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] for an invalid origin, method or header, and for `*` with credentials.
    pub fn new(options: &CorsOptions) -> Result<Self> {
        let lists = [
            ("allow_origins", &options.allow_origins),
            ("allow_methods", &options.allow_methods),
            ("allow_headers", &options.allow_headers),
            ("expose_headers", &options.expose_headers),
        ];
        for (name, list) in lists {
            let any = list.iter().any(|value| value == ANY);
            if any && options.allow_credentials {
                return refuse(format!(
                    "{name}: `*` is not allowed with credentials; list each value"
                ));
            }
            if any && list.len() > 1 {
                return refuse(format!("{name}: `*` must be the only value"));
            }
        }
        let mut layer = CorsLayer::new().allow_credentials(options.allow_credentials);
        layer = match is_any(&options.allow_origins) {
            true => layer.allow_origin(Any),
            false => layer.allow_origin(AllowOrigin::list(origins(&options.allow_origins)?)),
        };
        layer = match is_any(&options.allow_methods) {
            true => layer.allow_methods(Any),
            false => layer.allow_methods(each::<Method>("method", &options.allow_methods)?),
        };
        layer = match is_any(&options.allow_headers) {
            // `*` in the answer would not stand for `authorization` (Fetch standard, "CORS
            // non-wildcard request-header name").
            true => layer.allow_headers(AllowHeaders::mirror_request()),
            false => layer.allow_headers(each::<HeaderName>("header", &options.allow_headers)?),
        };
        layer = match is_any(&options.expose_headers) {
            true => layer.expose_headers(Any),
            false => layer.expose_headers(each::<HeaderName>("header", &options.expose_headers)?),
        };
        if let Some(age) = options.max_age {
            layer = layer.max_age(age);
        }
        Ok(Self(layer))
    }
}

fn is_any(list: &[String]) -> bool {
    list.iter().any(|value| value == ANY)
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::Options(format!("cors: {message}")))
}

fn each<T: std::str::FromStr>(what: &str, names: &[String]) -> Result<Vec<T>> {
    let parse = |name: &String| match name.parse() {
        Ok(parsed) => Ok(parsed),
        Err(_) => refuse(format!("{name:?} is not a valid {what}")),
    };
    names.iter().map(parse).collect()
}

fn origins(names: &[String]) -> Result<Vec<HeaderValue>> {
    let parse = |name: &String| match check_origin(name).map(|()| HeaderValue::from_str(name)) {
        Ok(Ok(origin)) => Ok(origin),
        Ok(Err(_)) => refuse(format!("{name:?} is not a valid header value")),
        Err(bad) => refuse(bad.to_string()),
    };
    names.iter().map(parse).collect()
}

impl<S> Layer<S> for Cors {
    type Service = CorsService<S>;

    fn layer(&self, service: S) -> CorsService<S> {
        CorsService(self.0.layer(Reidentified(service)))
    }
}

impl<S, B, R> Service<Request<B>> for CorsService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: Default + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<std::result::Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if request.method() != Method::OPTIONS {
            return Box::pin(self.0.call(request));
        }
        if !is_preflight(request.headers()) {
            *request.method_mut() = Method::GET;
            request.extensions_mut().insert(NoPreflight);
            return Box::pin(self.0.call(request));
        }
        let id = request_id(request.headers());
        let answered = self.0.call(request);
        Box::pin(async move {
            let mut response = answered.await?;
            response.headers_mut().insert(REQUEST_ID, id);
            Ok(response)
        })
    }
}

fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

impl<S, B> Service<Request<B>> for Reidentified<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<std::result::Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if request.extensions_mut().remove::<NoPreflight>().is_some() {
            *request.method_mut() = Method::OPTIONS;
        }
        self.0.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut CorsOptions), reason: &str) {
        let mut options = CorsOptions::default();
        change(&mut options);
        let error = Cors::new(&options).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_browsers_would_not_accept_is_refused() {
        let any = || vec![ANY.to_owned()];
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        refused(|o| (o.allow_credentials, o.allow_origins) = (true, any()), "allow_origins: `*`");
        refused(|o| (o.allow_credentials, o.allow_methods) = (true, any()), "allow_methods: `*`");
        refused(|o| (o.allow_credentials, o.allow_headers) = (true, any()), "allow_headers: `*`");
        refused(|o| (o.allow_credentials, o.expose_headers) = (true, any()), "expose_headers: `*`");
        refused(|o| o.allow_origins = of(&["*", "https://a.example"]), "must be the only value");
        refused(|o| o.allow_origins = of(&["https://a.example/"]), "origin");
        refused(|o| o.allow_methods = of(&["GE T"]), "method");
        refused(|o| o.allow_headers = of(&["a b"]), "header");
    }
}
