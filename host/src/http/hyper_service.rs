//! A tower service as hyper calls it: refuses requests by their heads, and watches how the client
//! takes responses.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Either;
use hyper::body::Incoming;
use pilotlight_auth::ForwardedError;
use pilotlight_telemetry::ErrorKind;
use tower::ServiceExt as _;

use super::activity::{Activity, InFlight};
use super::authority::{self, BadAuthority};
use super::limits::ServerLimits;
use super::unread::Unread;
use super::upgrade::AfterUpgrade;
use crate::request::{Body, ClientAddress, REQUEST_ID, RequestContext, request_id};
use crate::telemetry::Telemetry;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service as one connection uses it.
#[derive(Clone)]
pub(super) struct Answering<S> {
    pub(super) service: S,
    /// Who is at the other end.
    pub(super) client: Option<IpAddr>,
    pub(super) limits: Arc<ServerLimits>,
    pub(super) activity: Arc<Activity>,
    /// Where what takes the connection over leaves how it goes on.
    pub(super) after: AfterUpgrade,
    /// What refused requests are told to.
    pub(super) telemetry: Option<Telemetry>,
}

/// Why a request is refused by its head, before any service sees it.
#[derive(Debug, thiserror::Error)]
enum BadHead {
    #[error("the request has more than {0} header fields")]
    TooManyFields(usize),
    #[error("{0}")]
    Authority(#[from] BadAuthority),
    #[error("{0}")]
    Client(#[from] ForwardedError),
}

/// The body of a response, which tells how the client takes it.
pub(super) struct Answer<B> {
    content: Either<Body, B>,
    in_flight: InFlight,
    unread: Option<Arc<Unread>>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Answering<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = self.activity.begins();
        let client = match self.client_of(&mut request) {
            Ok(client) => client,
            Err(refusal) => {
                let refused = self.refuse(&refusal, request).map(Either::Left);
                return Box::pin(async {
                    Ok(refused.map(|content| Answer::new(content, in_flight)))
                });
            }
        };
        if let Some(client) = client {
            request.extensions_mut().insert(client);
        }
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(self.after.clone());
        }
        let is_head = request.method() == Method::HEAD;
        let answered = self.service.clone().oneshot(request);
        Box::pin(async move {
            let response = match answered.await? {
                response if is_head => without_content(response).map(Either::Left),
                response => response.map(Either::Right),
            };
            Ok(response.map(|content| Answer::new(content, in_flight)))
        })
    }
}

/// What is left of the answer to `HEAD` (RFC 9110, section 9.3.2): hyper leaves the content out for
/// HTTP/1.1 only.
fn without_content<B: http_body::Body>(response: Response<B>) -> Response<Body> {
    let (mut head, content) = response.into_parts();
    let has_length = head.status != StatusCode::NO_CONTENT
        && !head.headers.contains_key(header::CONTENT_LENGTH)
        && !head.headers.contains_key(header::TRANSFER_ENCODING);
    if let Some(length) = content.size_hint().exact().filter(|_| has_length) {
        head.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, Body::default())
}

impl<S> Answering<S> {
    /// Whose request it is.
    ///
    /// # Errors
    /// [`BadHead`] if its head is not what it has to be.
    fn client_of(&self, request: &mut Request<Incoming>) -> Result<Option<ClientAddress>, BadHead> {
        let most = self.limits.max_headers;
        if request.headers().len() > most {
            return Err(BadHead::TooManyFields(most));
        }
        authority::check(request)?;
        let client = self.limits.client(request.headers(), self.client)?;
        Ok(client.map(ClientAddress))
    }

    /// Answers a request whose head is wrong, and counts it.
    fn refuse(&self, bad: &BadHead, request: Request<Incoming>) -> Response<Body> {
        if matches!(bad, BadHead::Client(_)) {
            tracing::debug!(error = %bad, proxy = ?self.client, "a request without client address");
        }
        let (mut head, _) = request.into_parts();
        // So that the log and the answer call it the same.
        head.headers.insert(REQUEST_ID, request_id(&head.headers));
        let (kind, status, error_type) = match bad {
            BadHead::TooManyFields(_) => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                (ErrorKind::TooLarge, status, "headers_too_large")
            }
            BadHead::Authority(_) | BadHead::Client(_) => {
                (ErrorKind::Malformed, StatusCode::BAD_REQUEST, "malformed")
            }
        };
        if let Some(telemetry) = &self.telemetry {
            let request = RequestContext::begin(telemetry, &head);
            request.context().failed(kind);
            request.context().answered(status, &http::HeaderMap::new());
        }
        let mut refusal = Body::refusal(status, error_type, &bad.to_string());
        let headers = refusal.headers_mut();
        headers.insert(REQUEST_ID, request_id(&head.headers));
        if matches!(bad, BadHead::Authority(_)) && head.version < Version::HTTP_2 {
            // Whoever stands between may have understood the request in another way.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        refusal
    }
}

impl<B> Answer<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    fn new(content: Either<Body, B>, in_flight: InFlight) -> Self {
        let unread = Unread::of_task();
        if let Some(unread) = &unread {
            unread.moves();
            unread.waits();
        }
        let mut answer = Self { content, in_flight, unread };
        answer.notice_end();
        answer
    }

    fn notice_end(&mut self) {
        if self.content.is_end_stream() {
            self.in_flight.answered();
        }
    }
}

impl<B> http_body::Body for Answer<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.content).poll_frame(context);
        if let Some(unread) = &self.unread {
            unread.moves();
            if let Poll::Ready(Some(Ok(_))) = &polled {
                unread.waits();
            }
        }
        match &polled {
            Poll::Ready(None) => self.in_flight.answered(),
            Poll::Ready(Some(_)) => self.notice_end(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        if let Some(unread) = &self.unread {
            unread.moves();
        }
    }
}
