//! `/v2/repository`: the model repository extension of the Open Inference Protocol, version 2. A model is
//! a function; loading one is changing its version.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use pilotlight_wire::{parse_json, without_trailing_slash};
use serde::Deserialize;
use serde_json::{Value, json};

use super::functions::{LARGEST_REQUEST, take_over};
use super::{Admin, Started, allows, not_allowed};
use crate::deploy::FunctionStatus;
use crate::error::Error;
use crate::host::Host;
use crate::request::{Body, CollectError, collect};

/// Paths of the extension begin with it.
pub(super) const REPOSITORY: &str = "/v2/repository/";

/// The body of `index`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Index {
    ready: bool,
}

/// The body of `load` and `unload`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Load {
    parameters: LoadParameters,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LoadParameters {
    /// A component or a model folder, as the server sees it, or a reference to a component in a registry; where the function's version came from
    /// unless given.
    source: Option<PathBuf>,
    config: Option<Value>,
}

impl Admin {
    /// `POST index`, `POST models/NAME/load`, `POST models/NAME/unload`, below [`REPOSITORY`].
    pub(super) async fn repository<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let path = without_trailing_slash(head.uri.path());
        let parts: Vec<&str> = path.trim_start_matches(REPOSITORY).split('/').collect();
        let known = matches!(parts[..], ["index"] | ["models", _, "load" | "unload"]);
        if !known {
            return refused(
                StatusCode::NOT_FOUND,
                "not found; use index, models/NAME/load or models/NAME/unload",
            );
        }
        match head.method {
            Method::POST => {}
            Method::OPTIONS => return allows("POST"),
            _ => return not_allowed("POST"),
        }
        let Some(Started { host, .. }) = self.started.get() else {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "the functions are being loaded");
        };
        let body = match collect(body, LARGEST_REQUEST).await {
            Ok(body) => body,
            Err(CollectError::TooLong) => {
                let error = format!("send a body of at most {LARGEST_REQUEST} bytes");
                return refused(StatusCode::PAYLOAD_TOO_LARGE, &error);
            }
            Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        match parts[..] {
            ["index"] => match read::<Index>(&body) {
                Ok(index) => Body::json(StatusCode::OK, &models(host, index.ready)),
                Err(error) => refused(StatusCode::BAD_REQUEST, &error),
            },
            ["models", name, "load"] => match read::<Load>(&body) {
                Ok(load) => self.load(host, name, load.parameters, &head.headers).await,
                Err(error) => refused(StatusCode::BAD_REQUEST, &error),
            },
            _ => refused(
                StatusCode::NOT_IMPLEMENTED,
                "functions cannot be unloaded while the server runs; load another version, or \
                 change the configuration",
            ),
        }
    }

    async fn load(
        &self,
        host: &Host,
        name: &str,
        parameters: LoadParameters,
        headers: &HeaderMap,
    ) -> Response<Body> {
        let Some(swaps) = self.swaps.as_ref().filter(|_| !headers.contains_key(header::ORIGIN))
        else {
            return refused(
                StatusCode::FORBIDDEN,
                "changes of versions are not enabled on this listener",
            );
        };
        if parameters.config.is_some() {
            let error = "parameters.config is not supported; send only parameters.source";
            return refused(StatusCode::NOT_IMPLEMENTED, error);
        }
        let Some(function) = find(host, name) else {
            return refused(StatusCode::NOT_FOUND, &format!("function {name:?} does not exist"));
        };
        let source = parameters.source.unwrap_or_else(|| function.current.source.into());
        let (host, plan, name) = (host.clone(), Arc::clone(&swaps.plan), function.name);
        // Whoever asked for it may hang up: what has begun goes on to its end.
        let loaded = tokio::spawn(async move { take_over(&host, plan, name, source).await }).await;
        match loaded.unwrap_or_else(|error| Err(Error::unfinished("changing a version")(error))) {
            Ok(_) => Body::empty(StatusCode::OK),
            Err(error @ Error::Changing { .. }) => {
                refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
            }
            Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }
}

/// The body of a request; nothing stands for no keys.
fn read<T: Default + for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    if body.is_empty() {
        return Ok(T::default());
    }
    parse_json(body).map_err(|error| error.to_string())
}

/// A function by its name, or by that of its model.
fn find(host: &Host, name: &str) -> Option<FunctionStatus> {
    let functions = host.functions();
    let is_model = |function: &&FunctionStatus| function.current.model.as_deref() == Some(name);
    let named = functions.iter().find(|function| function.name == name);
    named.or_else(|| functions.iter().find(is_model)).cloned()
}

fn models(host: &Host, ready: bool) -> Vec<Value> {
    let model = |function: FunctionStatus| {
        let state = if function.current.in_crash_backoff { "UNAVAILABLE" } else { "READY" };
        let name = function.current.model.unwrap_or(function.name);
        (!ready || state == "READY").then(|| json!({"name": name, "version": "1", "state": state}))
    };
    host.functions().into_iter().filter_map(model).collect()
}

/// The protocol's clients read a string called `error`.
fn refused(status: StatusCode, error: &str) -> Response<Body> {
    Body::json(status, &json!({"error": error}))
}
