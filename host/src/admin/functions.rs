//! `/functions`: which versions there are, and how another takes over.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use pilotlight_build::Entry;
use pilotlight_wire::{parse_json, without_trailing_slash};
use serde::Deserialize;

use super::upload::{Upload, Uploading};
use super::{Admin, READ, Started, SwapPlan, Swaps, allows, not_allowed, upload};
use crate::deploy::FunctionStatus;
use crate::deploy::NewVersion;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::request::decompress::{Decoded, take_coding, unsupported};
use crate::request::{Body, CollectError, collect};

/// Maximum number of bytes of a request that is no component.
pub(super) const LARGEST_REQUEST: usize = 64 << 10;
const COMPONENT: &str = "application/wasm";
const JSON: &str = "application/json";

/// What is put in the place of a function.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    /// A component or a model folder, as the server sees it, or a reference to a component in a registry.
    source: PathBuf,
}

/// What the body of a request is.
#[derive(Clone, Copy)]
enum Content {
    Json,
    Component,
}

/// What takes a function's place.
enum Sent {
    Source(PathBuf),
    Component(Entry, Uploading),
}

/// Why a change was refused before anything was tried.
struct AdminError(StatusCode, &'static str, String);

impl From<AdminError> for Response<Body> {
    fn from(AdminError(status, error_type, error): AdminError) -> Self {
        Body::refusal(status, error_type, &error)
    }
}

pub(super) fn by_name(host: &Host) -> serde_json::Value {
    let functions = host.functions().into_iter();
    functions.map(|function| (function.name.clone(), serde_json::json!(function))).collect()
}

impl Admin {
    /// `GET /functions`, `GET` and `PUT /functions/NAME`, `POST /functions/NAME/rollback`.
    pub(super) async fn change<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(Started { host, .. }) = self.started.get() else {
            let error = "the functions are being loaded";
            return Body::refusal(StatusCode::SERVICE_UNAVAILABLE, "loading", error);
        };
        let path = without_trailing_slash(request.uri().path()).to_owned();
        if let Some(name) = name_to_put(&path, request.method()) {
            return self.swap(host, name.to_owned(), request).await;
        }
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let get = request.method() == Method::GET || request.method() == Method::HEAD;
        match (&parts[..], request.method()) {
            ([], _) if get => Body::json(StatusCode::OK, &by_name(host)),
            ([name], _) if get => told(host.function(name)),
            ([name, "rollback"], &Method::POST) => match self.may_change(request.headers()) {
                Ok(_) => told(host.roll_back(name).and_then(|_| host.function(name))),
                Err(refusal) => refusal.into(),
            },
            ([], &Method::OPTIONS) => allows(READ),
            ([], _) => not_allowed(READ),
            ([_], &Method::OPTIONS) => allows("GET, HEAD, PUT"),
            ([_], _) => not_allowed("GET, HEAD, PUT"),
            ([_, "rollback"], &Method::OPTIONS) => allows("POST"),
            ([_, "rollback"], _) => not_allowed("POST"),
            _ => Body::json(StatusCode::NOT_FOUND, &serde_json::json!({"status": "not found"})),
        }
    }

    /// Web pages can make a browser post to this address, but not with this type of content, and
    /// not without saying where they are from (Fetch standard, CORS protocol).
    fn may_change(
        &self,
        headers: &HeaderMap,
    ) -> std::result::Result<(&Swaps, Content), AdminError> {
        let refuse = |error: &str| AdminError(StatusCode::FORBIDDEN, "forbidden", error.to_owned());
        let swaps = self
            .swaps
            .as_ref()
            .ok_or_else(|| refuse("changes of versions are not enabled on this listener"))?;
        if headers.contains_key(header::ORIGIN) {
            return Err(refuse(
                "requests from web pages (with an `origin` header) cannot change versions",
            ));
        }
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match content_type.map(|value| value.split(';').next().unwrap_or_default().trim()) {
            Some(JSON) => Ok((swaps, Content::Json)),
            Some(COMPONENT) => Ok((swaps, Content::Component)),
            _ => Err(AdminError(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("send {JSON} or {COMPONENT}"),
            )),
        }
    }

    /// The right to send a version of the function called `name`, unless it is being changed.
    fn begin_upload(&self, host: &Host, name: &str) -> Result<Uploading> {
        if host.function(name)?.changing {
            return Err(Error::Changing { name: name.to_owned() });
        }
        self.uploads.begin(name)
    }

    async fn swap<B>(&self, host: &Host, name: String, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        let (swaps, content) = match self.may_change(&parts.headers) {
            Ok(allowed) => allowed,
            Err(refusal) => return refusal.into(),
        };
        let coding = match take_coding(&mut parts) {
            Ok(coding) => coding,
            Err(other) => return unsupported(&other),
        };
        // Whoever reads it limits how much is decoded.
        let body = body.map_err(io::Error::other).boxed_unsync();
        let body: Upload =
            Decoded::new(body, coding, u64::MAX).map_err(io::Error::other).boxed_unsync();
        let sent = match content {
            Content::Component => {
                // Before the disk takes a component that nobody asked for.
                let uploading = match self.begin_upload(host, &name) {
                    Ok(uploading) => uploading,
                    Err(error) => return refusal(&error),
                };
                let cache = host.cache().clone();
                let received = upload::receive(body, cache, self.upload_limits).await;
                received.map(|entry| Sent::Component(entry, uploading)).map_err(Response::from)
            }
            Content::Json => source(body, self.upload_limits.time).await.map_err(Response::from),
        };
        let version = match sent {
            Ok(version) => version,
            Err(response) => return response,
        };
        // Whoever asked for it may hang up: what has begun goes on to its end.
        let swap = swap(host.clone(), Arc::clone(&swaps.plan), name, version);
        let swapped = tokio::spawn(swap).await;
        let unfinished = Error::unfinished("changing a version");
        told(swapped.unwrap_or_else(|error| Err(unfinished(error))))
    }
}

/// The function whose version is to be replaced.
fn name_to_put<'a>(path: &'a str, method: &Method) -> Option<&'a str> {
    let name = path.strip_prefix("/functions/").filter(|_| *method == Method::PUT)?;
    (!name.contains('/')).then_some(name)
}

/// Where the version is that a request names.
async fn source(body: Upload, time: Duration) -> std::result::Result<Sent, AdminError> {
    let collected = tokio::time::timeout(time, collect(body, LARGEST_REQUEST)).await;
    let collected = collected.map_err(|_| {
        let error = "the body did not arrive in time".to_owned();
        AdminError(StatusCode::REQUEST_TIMEOUT, "timeout", error)
    })?;
    let body = collected.map_err(|error| match error {
        CollectError::TooLong => {
            let error = format!("the body exceeds {LARGEST_REQUEST} bytes");
            AdminError(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", error)
        }
        CollectError::Broken(error) => {
            let error = format!("the body was not received completely: {error}");
            AdminError(StatusCode::BAD_REQUEST, "malformed", error)
        }
    })?;
    let replacement = parse_json::<Replacement>(&body).map_err(|error| {
        let (status, error_type) = match error.is_json() {
            true => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            false => (StatusCode::BAD_REQUEST, "malformed"),
        };
        AdminError(status, error_type, format!("expected {{\"source\": \"PATH\"}}: {error}"))
    })?;
    Ok(Sent::Source(replacement.source))
}

async fn swap(
    host: Host,
    plan: Arc<SwapPlan>,
    name: String,
    version: Sent,
) -> Result<FunctionStatus> {
    let (entry, uploading) = match version {
        Sent::Source(path) => return take_over(&host, plan, name, path).await,
        Sent::Component(entry, uploading) => (entry, uploading),
    };
    // The entry is kept until the version itself keeps it.
    let swapped = take_over(&host, plan, name, entry.path.clone()).await;
    if swapped.is_err() {
        let cache = host.cache().clone();
        let discarded = tokio::task::spawn_blocking(move || cache.discard(entry)).await;
        discarded.map_err(Error::unfinished("discarding a component"))?;
    }
    drop(uploading);
    swapped
}

pub(super) async fn take_over(
    host: &Host,
    plan: Arc<SwapPlan>,
    name: String,
    path: PathBuf,
) -> Result<FunctionStatus> {
    let function = name.clone();
    let planned = tokio::task::spawn_blocking(move || plan(&function, &path)).await;
    let new = planned.map_err(Error::unfinished("planning a version"))??;
    let NewVersion { source, options, .. } = new;
    host.swap(&name, source, options, |stage| tracing::info!(%stage, "loading a version")).await?;
    host.function(&name)
}

fn told(function: Result<FunctionStatus>) -> Response<Body> {
    match function {
        Ok(function) => Body::json(StatusCode::OK, &serde_json::json!(function)),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &Error) -> Response<Body> {
    let (status, error_type) = match error {
        Error::NoFunction { .. } => (StatusCode::NOT_FOUND, "not_found"),
        Error::Changing { .. } | Error::NoPrevious { .. } => (StatusCode::CONFLICT, "conflict"),
        Error::Task(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        Error::Build(error) if error.is_internal() => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
    };
    Body::refusal(status, error_type, &error.to_string())
}
