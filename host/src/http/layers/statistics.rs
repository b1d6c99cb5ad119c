use http::{Method, Request, Response, StatusCode, header};
use pilotlight_telemetry::Total;
use pilotlight_wire::without_trailing_slash;
use serde_json::{Value, json};
use wasmtime_wasi_http::WasiBody;

use crate::deploy::Version;
use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, collect};
use crate::routing::Routed;

const SERVER: &str = "/v2";
const MODELS: &str = "/v2/models/";
const DOCUMENT: &str = "/openapi.json";
/// In bytes; guests of ours write some hundred, and some hundred thousand of the OpenAPI document.
const LONGEST_DESCRIPTION: usize = 4 << 20;

/// Adds to JSON, or has nothing to add to it.
type Addition = fn(&mut Value) -> Option<()>;

/// Answers the statistics extension of the Open Inference Protocol, version 2, and adds it to what the
/// function says of itself: instances count nothing, for each request may get a fresh one.
#[derive(Clone)]
pub(in crate::http) struct Statistics;

impl Middleware for Statistics {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let routed = request.extensions().get::<Routed>();
        let told = routed.and_then(|routed| statistics(&request, &routed.version));
        if let Some(told) = told {
            return told;
        }
        // Of another guest there are no statistics.
        let is_counted = routed.is_some_and(|routed| routed.version.model().is_some());
        let add: Addition = match without_trailing_slash(request.uri().path()) {
            SERVER if is_counted => add_extension,
            DOCUMENT if is_counted => add_operations,
            _ => return next.run(request).await,
        };
        described(next.run(request).await, add).await
    }
}

/// Adds to what the guest says in JSON. What `add` does not know stays as it is.
async fn described(answer: Response<Body>, add: Addition) -> Response<Body> {
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    // The length changes. Of a `HEAD` request, whose answer has no body to count, it is left out.
    head.headers.remove(header::CONTENT_LENGTH);
    let Ok(body) = collect(body, LONGEST_DESCRIPTION).await else {
        let error = "the function's description is too long or incomplete";
        return Body::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", error);
    };
    let mut told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let body = match add(&mut told) {
        Some(()) => told.to_string().into_bytes(),
        None => body.into(),
    };
    Response::from_parts(head, Body::full(body))
}

/// Lists the extension where `GET /v2` lists those of the server.
fn add_extension(told: &mut Value) -> Option<()> {
    told.get_mut("extensions")?.as_array_mut()?.push("statistics".into());
    Some(())
}

/// Describes the extension in an OpenAPI document, next to the protocol's other operations, which say what a
/// path's parameters are and how errors are told.
fn add_operations(document: &mut Value) -> Option<()> {
    let paths = document.get_mut("paths")?.as_object_mut()?;
    for (known, path) in [
        ("/v2/models", "/v2/models/stats"),
        ("/v2/models/{model}", "/v2/models/{model}/stats"),
        ("/v2/models/{model}/versions/{version}", "/v2/models/{model}/versions/{version}/stats"),
    ] {
        let mut operation = paths.get(known)?.get("get")?.clone();
        let id = format!("{}_stats", operation.get("operationId")?.as_str()?);
        operation["operationId"] = id.into();
        operation["summary"] =
            "Tells how many requests were answered, and how long they took.".into();
        operation["responses"]["200"] = json!({
            "description": "OK",
            "content": {"application/json": {"schema": {
                "type": "object",
                "properties": {"model_stats": {"type": "array", "items": {"type": "object"}}},
                "required": ["model_stats"],
            }}},
        });
        paths.insert(path.to_owned(), json!({"get": operation}));
    }
    Some(())
}

/// The response, if that is what the request is for.
fn statistics(request: &Request<WasiBody>, version: &Version) -> Option<Response<Body>> {
    let path = without_trailing_slash(request.uri().path()).strip_prefix(MODELS)?;
    let model = version.model()?;
    let number = path.strip_prefix(model).and_then(|rest| rest.strip_suffix("/stats"));
    if path != "stats" && !matches!(number, Some("" | "/versions/1")) {
        return None;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let error = format!("{} is not allowed here; use GET", request.method());
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let mut refused = Body::refusal(status, "method_not_allowed", &error);
        let allowed = http::HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return Some(refused);
    }
    let told = json!({"model_stats": [model_statistics(model, version)]});
    Some(Body::json(StatusCode::OK, &told))
}

fn model_statistics(model: &str, version: &Version) -> Value {
    let counted = version.statistics();
    let none = || duration(Total::default());
    json!({
        "name": model,
        "version": "1",
        "last_inference": counted.last_unix_ms,
        "inference_count": counted.inference.count,
        "execution_count": counted.inference.count,
        "inference_stats": {
            "success": duration(counted.succeeded),
            "fail": duration(counted.failed),
            "queue": duration(counted.queue),
            "compute_input": duration(counted.tokenization),
            "compute_infer": duration(counted.inference),
            "compute_output": duration(counted.decoding),
            "cache_hit": none(),
            "cache_miss": none(),
        },
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [],
    })
}

fn duration(total: Total) -> Value {
    json!({"count": total.count, "ns": total.ns})
}
