//! The component's exports: `wasi:http/handler` and `initialize`.

use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use spin_sdk::http::{FullBody, HeaderMap, HeaderValue, Request, Response};
use spin_sdk::http_service;
use spin_sdk::wasip3::random::random::get_random_u64;

use crate::api::ApiError;
use crate::pipeline::Timings;
use crate::preinit;
use crate::service::{Endpoint, Head, Service, error_body, route};

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    spin_sdk::wit_bindgen::generate!({
        world: "preinit",
        path: "wit",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
    });
    export!(Preinit);

    struct Preinit;

    impl Guest for Preinit {
        fn initialize(placement: Placement) -> Result<String, String> {
            crate::preinit::initialize(placement.into())
        }
    }

    impl From<Placement> for crate::compute::Placement {
        fn from(placement: Placement) -> Self {
            use crate::compute::{HostGraph, Precision as Numbers};
            match placement {
                Placement::Guest(Precision::Float32) => Self::Guest(Numbers::F32),
                Placement::Guest(Precision::Int8) => Self::Guest(Numbers::Int8),
                Placement::Guest(Precision::Int4) => Self::Guest(Numbers::Int4),
                Placement::Host(Graph { name, inputs, bucket, rows }) => {
                    let (bucket, rows) = (bucket as usize, rows as usize);
                    Self::Host(HostGraph { name, inputs, bucket, rows })
                }
            }
        }
    }
}

const REQUEST_ID: &str = "x-request-id";
/// Longer ids are replaced: they would end up in every log.
const LONGEST_REQUEST_ID: usize = 128;
/// What is read and thrown away of a body above the limit, so that the client gets to read
/// the answer instead of a reset connection.
const DISCARDED_BYTES: usize = 32 << 20;

#[http_service]
async fn handle(request: Request) -> Response<FullBody<bytes::Bytes>> {
    let start = Instant::now();
    let id = request_id(request.headers());
    let mut timings = Timings::default();
    let answer = answer(request, &mut timings).await;
    let (status, header, body) = match answer {
        Ok(body) => (200, None, body),
        Err(error) => (error.status(), header_of(&error), error_body(&error)),
    };
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(FullBody::new(bytes::Bytes::from(body)));
    *response.status_mut() = status.try_into().unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("content-length", length);
    headers.insert(REQUEST_ID, id);
    if let Some((name, value)) = header {
        headers.insert(name, value);
    }
    insert_time(headers, "x-tokenization-time", timings.tokenization);
    insert_time(headers, "x-inference-time", timings.inference);
    insert_time(headers, "x-total-time", start.elapsed());
    response
}

/// The header that belongs to the status.
fn header_of(error: &ApiError) -> Option<(&'static str, HeaderValue)> {
    match error {
        ApiError::MethodNotAllowed { allow, .. } => {
            Some(("allow", HeaderValue::from_static(allow)))
        }
        _ => error.retry_after().map(|seconds| ("retry-after", seconds.into())),
    }
}

async fn answer(request: Request, timings: &mut Timings) -> Result<Vec<u8>, ApiError> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let endpoint = route(Head {
        method: request.method().as_str(),
        path: request.uri().path(),
        content_type: header("content-type"),
    })?;
    let service = preinit::service().map_err(ApiError::Internal)?;
    let body = match endpoint {
        Endpoint::Info => Vec::new(),
        _ => read_body(request, service).await?,
    };
    service.answer(endpoint, &body, timings)
}

/// Reads the body up to the limit.
async fn read_body(request: Request, service: &Service) -> Result<Vec<u8>, ApiError> {
    let limit = service.limits().max_body_bytes;
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::Malformed(format!("the body could not be read to its end: {error}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        received += data.len();
        if received <= limit {
            bytes.extend_from_slice(&data);
        } else if received > DISCARDED_BYTES {
            break;
        }
    }
    if received > limit { Err(ApiError::TooLarge { limit }) } else { Ok(bytes) }
}

/// The id the client sent, if it can be logged as it is, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let usable = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=LONGEST_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    };
    headers.get(REQUEST_ID).filter(usable).cloned().unwrap_or_else(|| {
        let id = format!("{:016x}{:016x}", get_random_u64(), get_random_u64());
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// Milliseconds with three decimals.
fn insert_time(headers: &mut HeaderMap, name: &'static str, time: Duration) {
    let microseconds = time.as_micros();
    let milliseconds = format!("{}.{:03}", microseconds / 1000, microseconds % 1000);
    if let Ok(value) = HeaderValue::from_str(&milliseconds) {
        headers.insert(name, value);
    }
}
