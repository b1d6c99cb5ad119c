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
/// In bytes; guests of ours write some hundred.
const LONGEST_DESCRIPTION: usize = 64 << 10;

/// Answers the statistics extension of the Open Inference Protocol, version 2, and lists it: instances
/// count nothing, for each request may get a fresh one.
#[derive(Clone)]
pub(in crate::http) struct Statistics;

impl Middleware for Statistics {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let routed = request.extensions().get::<Routed>();
        let told = routed.and_then(|routed| statistics(&request, &routed.version));
        if let Some(told) = told {
            return told;
        }
        let describes_server = without_trailing_slash(request.uri().path()) == SERVER;
        let answer = next.run(request).await;
        if describes_server { with_extension(answer).await } else { answer }
    }
}

/// Adds the statistics extension to the guest's answer to `GET /v2`, which lists the extensions of the
/// server. An answer without such a list stays as it is.
async fn with_extension(answer: Response<Body>) -> Response<Body> {
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    // The length changes. Of a `HEAD` request, whose answer has no body to count, it is left out.
    head.headers.remove(header::CONTENT_LENGTH);
    let Ok(body) = collect(body, LONGEST_DESCRIPTION).await else {
        let error = "the description of the server is too long or was cut short";
        return Body::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", error);
    };
    let mut told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let extensions = told.get_mut("extensions").and_then(Value::as_array_mut);
    let body = match extensions {
        Some(extensions) => {
            extensions.push("statistics".into());
            told.to_string().into_bytes()
        }
        None => body.into(),
    };
    Response::from_parts(head, Body::full(body))
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
