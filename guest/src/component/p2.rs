//! `wasi:http/incoming-handler@0.2`.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::random::random::get_random_u64;

use super::{
    ACCEPT, Answer, CONTENT_ENCODING, CONTENT_TYPE, JSON_LENGTH, OpenSession, REQUEST_ID, Reply,
    RequestState, USER_AGENT, broken_off,
};
use crate::api::ApiError;
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
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut state = RequestState::begin(id.as_deref(), path, get_random_u64);
        match answer(&request, (path, query), &mut state) {
            Ok(Reply::Session(opened)) => {
                let (headers, session) = state.end_with_session(opened);
                converse(&request, session, Writer::begin(200, headers, out));
            }
            Ok(Reply::Answer(answer)) => respond(state.end(Ok(answer)), out),
            Err(error) => respond(state.end(Err(error)), out),
        }
    }
}

fn answer(
    request: &IncomingRequest,
    (path, query): (&str, &str),
    state: &mut RequestState,
) -> Result<Reply, ApiError> {
    let method = request.method();
    let header = |name: &str| {
        let value = request.headers().get(name).into_iter().next();
        value.and_then(|value| String::from_utf8(value).ok())
    };
    let (content_type, json_length) = (header(CONTENT_TYPE), header(JSON_LENGTH));
    let (user_agent, accept) = (header(USER_AGENT), header(ACCEPT));
    let encoding = request.headers().get(CONTENT_ENCODING);
    let head = Head {
        method: name_of(&method),
        path,
        query: Some(query),
        content_type: content_type.as_deref(),
        json_length: json_length.as_deref(),
        user_agent: user_agent.as_deref(),
        accept: accept.as_deref(),
    };
    let mut opened = state.open(head, encoding.iter().map(Vec::as_slice))?;
    if let Some(session) = opened.session() {
        return session.map(Reply::Session);
    }
    let body = consume(request)?;
    let stream = stream(&body)?;
    while opened.body.wants_more()
        && let Some(data) = read(&stream)?
    {
        opened.body.push(&data);
    }
    opened.answer().map(Reply::Answer)
}

fn consume(request: &IncomingRequest) -> Result<IncomingBody, ApiError> {
    let unreadable = |()| ApiError::Internal("the host does not provide the body".into());
    request.consume().map_err(unreadable)
}

fn stream(body: &IncomingBody) -> Result<InputStream, ApiError> {
    let unreadable = |()| ApiError::Internal("the host does not provide the body's bytes".into());
    body.stream().map_err(unreadable)
}

/// The next bytes of a body; `None` at its end.
fn read(stream: &InputStream) -> Result<Option<Vec<u8>>, ApiError> {
    match stream.blocking_read(READ_BYTES) {
        Ok(data) => Ok(Some(data)),
        Err(StreamError::Closed) => Ok(None),
        Err(StreamError::LastOperationFailed(error)) => Err(broken_off(error.to_debug_string())),
    }
}

/// Writes the answer of a session while its body is read, until one of both ends.
fn converse(request: &IncomingRequest, mut session: OpenSession, writer: Option<Writer>) {
    let Some(writer) = writer else { return };
    let body = consume(request);
    let stream = body.as_ref().map_err(ApiError::clone).and_then(stream);
    while !session.is_over() {
        let told = match stream.as_ref().map_err(ApiError::clone).and_then(read) {
            Ok(Some(data)) => session.push(&data),
            Ok(None) => session.finish(),
            Err(error) => session.break_off(error.to_string()),
        };
        if !writer.write(&told) {
            break;
        }
    }
    writer.finish();
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

/// Sends the answer.
fn respond(answer: Answer, out: ResponseOutparam) {
    if let Some(writer) = Writer::begin(answer.status, answer.headers, out) {
        writer.write(&answer.body);
        writer.finish();
    }
}

/// Writes the body of an answer. Who has gone away misses it; nothing else can go wrong with what we send.
struct Writer {
    body: OutgoingBody,
    stream: Option<OutputStream>,
}

impl Writer {
    /// Sends the head of an answer.
    fn begin(status: u16, headers: Vec<(&str, String)>, out: ResponseOutparam) -> Option<Self> {
        let fields = Fields::new();
        for (name, value) in headers {
            let _ = fields.append(name, value.as_bytes());
        }
        let response = OutgoingResponse::new(fields);
        let _ = response.set_status_code(status);
        let body = response.body().ok()?;
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().ok();
        Some(Self { body, stream })
    }

    /// Whether all of it was taken.
    fn write(&self, bytes: &[u8]) -> bool {
        let Some(stream) = &self.stream else { return false };
        bytes.chunks(WRITTEN_BYTES).all(|part| stream.blocking_write_and_flush(part).is_ok())
    }

    fn finish(self) {
        drop(self.stream);
        let _ = OutgoingBody::finish(self.body, None);
    }
}
