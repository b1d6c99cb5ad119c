//! `wasi:http/incoming-handler@0.2`.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;
use wasip2::random::random::get_random_u64;

use super::{
    Answer, CONTENT_ENCODING, CONTENT_TYPE, Exchange, JSON_LENGTH, REQUEST_ID, USER_AGENT,
    broken_off,
};
use crate::api::ApiError;
use crate::dialects;
use crate::service::Head;

/// Read at once.
const READ_BYTES: u64 = 64 << 10;
/// Written at once: `blocking-write-and-flush` takes no more.
const WRITTEN_BYTES: usize = 4096;

struct Handler;
wasip2::http::proxy::export!(Handler);

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let id = request.headers().get(REQUEST_ID).into_iter().next();
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let mut exchange = Exchange::begin(id.as_deref(), path, get_random_u64);
        let answer = answer(&request, path, &mut exchange);
        respond(exchange.end(answer), out);
    }
}

fn answer(
    request: &IncomingRequest,
    path: &str,
    exchange: &mut Exchange,
) -> Result<dialects::Answer, ApiError> {
    let method = request.method();
    let header = |name: &str| {
        let value = request.headers().get(name).into_iter().next();
        value.and_then(|value| String::from_utf8(value).ok())
    };
    let (content_type, json_length) = (header(CONTENT_TYPE), header(JSON_LENGTH));
    let user_agent = header(USER_AGENT);
    let encoding = request.headers().get(CONTENT_ENCODING);
    let head = Head {
        method: name_of(&method),
        path,
        content_type: content_type.as_deref(),
        json_length: json_length.as_deref(),
        user_agent: user_agent.as_deref(),
    };
    let mut opened = exchange.open(head, encoding.iter().map(Vec::as_slice))?;
    let unreadable = |()| ApiError::Internal("the host gives the request's body to nobody".into());
    let body = request.consume().map_err(unreadable)?;
    read(&body, &mut opened.body)?;
    opened.answer()
}

fn read(incoming: &IncomingBody, body: &mut super::Body) -> Result<(), ApiError> {
    let unreadable = |()| ApiError::Internal("the host gives the body's bytes to nobody".into());
    let stream = incoming.stream().map_err(unreadable)?;
    while body.wants_more() {
        match stream.blocking_read(READ_BYTES) {
            Ok(data) => body.push(&data),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(broken_off(error.to_debug_string()));
            }
        }
    }
    Ok(())
}

fn name_of(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
}

/// Sends the answer. Who has gone away misses it; nothing else can go wrong with what we send.
fn respond(answer: Answer, out: ResponseOutparam) {
    let headers = Fields::new();
    for (name, value) in answer.headers {
        let _ = headers.append(name, value.as_bytes());
    }
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(answer.status);
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(out, Ok(response));
    if let Ok(stream) = body.write() {
        for part in answer.body.chunks(WRITTEN_BYTES) {
            if stream.blocking_write_and_flush(part).is_err() {
                break;
            }
        }
    }
    let _ = OutgoingBody::finish(body, None);
}
