//! `wasi:http/handler@0.3`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either};
use spin_sdk::http::{FullBody, HeaderValue, Request, Response};
use spin_sdk::http_service;
use spin_sdk::wasip3::http::types::ErrorCode;
use spin_sdk::wasip3::http_compat::IncomingRequestBody;
use spin_sdk::wasip3::random::random::get_random_u64;
use spin_sdk::wit_bindgen::{backpressure_dec, backpressure_inc, yield_async};

use super::{
    ACCEPT, Answer, CONTENT_ENCODING, CONTENT_TYPE, JSON_LENGTH, OpenSession, REQUEST_ID, Reply,
    RequestState, USER_AGENT, broken_off,
};
use crate::api::ApiError;
use crate::service::Head;

type ResponseBody = Either<FullBody<Bytes>, SessionBody>;

#[http_service]
async fn handle(request: Request) -> Response<ResponseBody> {
    let id = request.headers().get(REQUEST_ID).map(HeaderValue::as_bytes);
    let mut state = RequestState::begin(id, request.uri().path(), get_random_u64);
    match answer(request, &mut state).await {
        Ok((Reply::Session(opened), body)) => {
            let (headers, session) = state.end_with_session(opened);
            let back_pressure = BackPressure::on().await;
            let body = SessionBody { body, session, _back_pressure: back_pressure };
            respond(200, headers, Either::Right(body))
        }
        Ok((Reply::Answer(answer), _)) => whole(state.end(Ok(answer))),
        Err(error) => whole(state.end(Err(error))),
    }
}

fn whole(Answer { status, headers, body }: Answer) -> Response<ResponseBody> {
    respond(status, headers, Either::Left(FullBody::new(body)))
}

fn respond(
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: ResponseBody,
) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status.try_into().unwrap_or_default();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The answer, or a session; and what has not been read of the body.
async fn answer(
    request: Request,
    state: &mut RequestState,
) -> Result<(Reply, IncomingRequestBody), ApiError> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let encoding = request.headers().get_all(CONTENT_ENCODING).iter();
    let head = Head {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query(),
        content_type: header(CONTENT_TYPE),
        json_length: header(JSON_LENGTH),
        user_agent: header(USER_AGENT),
        accept: header(ACCEPT),
    };
    let mut opened = state.open(head, encoding.map(HeaderValue::as_bytes))?;
    let mut body = request.into_body();
    if let Some(session) = opened.session() {
        return Ok((Reply::Session(session?), body));
    }
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
    Ok((Reply::Answer(opened.answer()?), body))
}

/// The answer of a session. Each part of it is computed from what has come of the request's body when it
/// is asked for: a client that does not read is not read from either.
struct SessionBody {
    body: IncomingRequestBody,
    session: OpenSession,
    _back_pressure: BackPressure,
}

impl http_body::Body for SessionBody {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, ErrorCode>>> {
        let Self { body, session, .. } = self.get_mut();
        while !session.is_over() {
            let told = match ready!(Pin::new(&mut *body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => session.push(&data),
                    Err(_trailers) => continue,
                },
                Some(Err(code)) => session.break_off(reason(&code)),
                None => session.finish(),
            };
            if !told.is_empty() {
                return Poll::Ready(Some(Ok(http_body::Frame::data(told.into()))));
            }
        }
        Poll::Ready(None)
    }
}

/// Why a body has broken off: in the host's words, where it has some.
fn reason(code: &ErrorCode) -> String {
    match code {
        ErrorCode::InternalError(Some(reason)) => reason.clone(),
        code => broken_off(code).to_string(),
    }
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
