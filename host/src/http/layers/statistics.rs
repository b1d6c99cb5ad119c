use http::{Method, Request, Response, StatusCode, header};
use pilotlight_telemetry::Total;
use pilotlight_wire::without_trailing_slash;
use serde_json::{Value, json};
use wasmtime_wasi_http::WasiBody;

use crate::deploy::Version;
use crate::http::middleware::{Middleware, Next};
use crate::request::Body;
use crate::routing::Routed;

const MODELS: &str = "/v2/models/";

/// Answers the statistics extension of the Open Inference Protocol, version 2: instances count nothing,
/// for each request may get a fresh one.
#[derive(Clone)]
pub(in crate::http) struct Statistics;

impl Middleware for Statistics {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let routed = request.extensions().get::<Routed>();
        let told = routed.and_then(|routed| statistics(&request, &routed.version));
        match told {
            Some(told) => told,
            None => next.run(request).await,
        }
    }
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
