//! `wasi:http/handler@0.3`.

use http_body_util::BodyExt as _;
use spin_sdk::http::{FullBody, HeaderValue, Request, Response};
use spin_sdk::http_service;
use spin_sdk::wasip3::random::random::get_random_u64;
use spin_sdk::wit_bindgen::{backpressure_dec, backpressure_inc, yield_async};

use super::{
    Answer, CONTENT_ENCODING, CONTENT_TYPE, Exchange, JSON_LENGTH, REQUEST_ID, USER_AGENT,
    broken_off,
};
use crate::api::ApiError;
use crate::dialects;
use crate::service::Head;

#[http_service]
async fn handle(request: Request) -> Response<FullBody<bytes::Bytes>> {
    let id = request.headers().get(REQUEST_ID).map(HeaderValue::as_bytes);
    let mut exchange = Exchange::begin(id, request.uri().path(), get_random_u64);
    let answer = answer(request, &mut exchange).await;
    let Answer { status, headers, body } = exchange.end(answer);
    let mut response = Response::new(FullBody::new(bytes::Bytes::from(body)));
    *response.status_mut() = status.try_into().unwrap_or_default();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn answer(request: Request, exchange: &mut Exchange) -> Result<dialects::Answer, ApiError> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let encoding = request.headers().get_all(CONTENT_ENCODING).iter();
    let head = Head {
        method: request.method().as_str(),
        path: request.uri().path(),
        content_type: header(CONTENT_TYPE),
        json_length: header(JSON_LENGTH),
        user_agent: header(USER_AGENT),
    };
    let mut opened = exchange.open(head, encoding.map(HeaderValue::as_bytes))?;
    let mut body = request.into_body();
    while opened.body.wants_more() {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame.map_err(broken_off)?.into_data() {
            opened.body.push(&data);
        }
    }
    let _back_pressure = match opened.computes() {
        true => Some(BackPressure::on().await),
        false => None,
    };
    opened.answer()
}

/// Back-pressure of the component model: until it is dropped, the instance starts no other request.
/// A model computation occupies the instance, in the sandbox and in a `wasi:nn` call alike, because
/// both are synchronous. Requests that the instance has already started are answered one by one.
struct BackPressure;

impl BackPressure {
    /// Turns back-pressure on, and yields once: a host looks for it when the guest yields, and then
    /// sends further requests to other instances.
    async fn on() -> Self {
        backpressure_inc();
        let on = Self;
        yield_async().await;
        on
    }
}

impl Drop for BackPressure {
    fn drop(&mut self) {
        backpressure_dec();
    }
}
