//! Reads the bodies of requests before anybody is asked to answer them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Either};
use pilotlight_auth::Network;
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::Coding;
use tower::{Layer, Service};

use super::answer::BoxError;
use super::budget::{Budget, Share};
use super::decompress::{Decompressed, decompressed};
use super::limits::Limits;
use super::paced::{BodyRefused, Paced};
use crate::body::Body;
use crate::broken_body::{BodyRefusal, BrokenBody};
use crate::decompress::{take_coding, unsupported};
use crate::error::Result;
use crate::host::Host;
use crate::request_id::{REQUEST_ID, request_id};
use crate::request_target::{malformed, normalize};
use crate::routing::ClientAddress;

/// Seconds after which other bodies will have been taken.
const RETRY_AFTER: u64 = 1;

/// A [`Layer`] that holds bodies of requests to [`Limits`], and calls the service when the body is
/// there: a client that sends slowly takes no instance. It answers 413, 408, 400 and, where there is
/// no memory for more bodies, 503 itself; 429 where only this client has none. Clones share that
/// memory.
#[derive(Clone)]
pub struct RequestBodies {
    limits: Arc<Limits>,
    budget: Arc<Budget>,
    host: Option<Host>,
}

/// A service behind [`RequestBodies`].
#[derive(Clone)]
pub struct ReadBodies<S> {
    service: S,
    before: RequestBodies,
}

/// The body of a request that has been looked after.
pub struct RequestBody<B>(Content<B>);

enum Content<B> {
    Whole {
        data: Bytes,
        trailers: Option<HeaderMap>,
        _share: Share,
    },
    Streamed {
        body: Decompressed<B>,
        /// Why it broke off, for whoever answers.
        broken: BrokenBody,
    },
}

impl RequestBodies {
    /// By `limits`, as far as they are about bodies.
    ///
    /// # Errors
    /// As [`Limits::check`].
    pub fn new(limits: &Limits) -> Result<Self> {
        limits.check()?;
        Ok(Self { limits: Arc::new(limits.clone()), budget: Budget::new(limits), host: None })
    }

    /// The same, in front of `host`: nobody's body is read who may not ask, and bodies that did not
    /// come are counted among its requests.
    #[must_use]
    pub fn of(self, host: Host) -> Self {
        Self { host: Some(host), ..self }
    }
}

impl<S> Layer<S> for RequestBodies {
    type Service = ReadBodies<S>;

    fn layer(&self, service: S) -> ReadBodies<S> {
        ReadBodies { service, before: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for ReadBodies<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Either<Body, R>>;
    type Error = S::Error;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<std::result::Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // It is the one that is ready that has to be called.
        let other = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, other);
        let RequestBodies { limits, budget, host } = self.before.clone();
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            // So that the log and the answer call it the same, whoever refuses it.
            head.headers.insert(HeaderName::from_static(REQUEST_ID), request_id(&head.headers));
            // Whoever looks at the path from here on sees the same one.
            if let Err(bad) = normalize(&mut head) {
                let refused = malformed(&bad);
                if let Some(host) = host {
                    host.refused(&head, ErrorKind::Malformed, refused.status());
                }
                return Ok(unread(refused, &head, body.is_end_stream()).map(Either::Left));
            }
            if let Some(refused) = host.as_ref().and_then(|host| host.turn_away(&mut head)) {
                return Ok(unread(refused, &head, body.is_end_stream()).map(Either::Left));
            }
            let coding = match take_coding(&mut head) {
                Ok(coding) => coding,
                Err(other) => {
                    let refused = unsupported(&other);
                    if let Some(host) = host {
                        host.refused(&head, ErrorKind::Malformed, refused.status());
                    }
                    return Ok(unread(refused, &head, body.is_end_stream()).map(Either::Left));
                }
            };
            let accepted = host.as_ref().and_then(|host| host.body_limit(&head));
            let most = accepted.unwrap_or(u64::MAX).min(limits.max_body_bytes);
            let client = limited_client(&head, &limits);
            match read((body, coding), (&*limits, most), (budget, client)).await {
                Ok(body) => {
                    if coding != Coding::Identity {
                        body.announce(&mut head.headers);
                    }
                    if let Content::Streamed { broken, .. } = &body.0 {
                        head.extensions.insert(broken.clone());
                    }
                    let answered = service.call(Request::from_parts(head, body)).await;
                    answered.map(|response| response.map(Either::Right))
                }
                Err(refused) => {
                    let (kind, response) = refuse(&refused);
                    if let Some(host) = host {
                        host.refused(&head, kind, response.status());
                    }
                    Ok(unread(response, &head, false).map(Either::Left))
                }
            }
        })
    }
}

/// Whom the memory of a body counts for; nobody where the client has no limit of its own.
fn limited_client(head: &Parts, limits: &Limits) -> Option<Network> {
    let ClientAddress(client) = head.extensions.get::<ClientAddress>()?;
    (!limits.trusts(*client)).then(|| Network::of(*client))
}

/// Reads a body of at most `most` bytes.
async fn read<B>(
    (body, coding): (B, Coding),
    (limits, most): (&Limits, u64),
    (budget, client): (Arc<Budget>, Option<Network>),
) -> std::result::Result<RequestBody<B>, BodyRefused>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    // Before the client is told to go on (RFC 9110, 10.1.1).
    let announced = body.size_hint().lower();
    if announced > coding.longest(most) {
        return Err(BodyRefused::TooLarge(most));
    }
    let body = Paced::new(body, limits, (most, coding.longest(most)));
    let body = decompressed(body, coding, most);
    if limits.stream_bodies {
        return Ok(RequestBody(Content::Streamed { body, broken: BrokenBody::default() }));
    }
    collect(body, budget.share(client, announced)?).await.map(RequestBody)
}

/// Reads a body to its end, in one piece: small parts would each keep a buffer.
async fn collect<B>(
    mut body: Decompressed<B>,
    mut share: Share,
) -> std::result::Result<Content<B>, BodyRefused>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let (mut data, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(part) => {
                share.grow(part.len())?;
                data.extend_from_slice(&part);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Content::Whole { data: data.freeze(), trailers, _share: share })
}

fn refusal(refused: &BodyRefused) -> BodyRefusal {
    let error = refused.to_string();
    let (kind, status, error_type) = match refused {
        BodyRefused::TooLarge(_) => return BodyRefusal::too_large(error),
        BodyRefused::Broken(_) | BodyRefused::Encoding(_) => return BodyRefusal::malformed(error),
        BodyRefused::NoRoom => {
            (ErrorKind::Overloaded, StatusCode::SERVICE_UNAVAILABLE, "overloaded")
        }
        BodyRefused::NoRoomForClient => {
            (ErrorKind::RateLimited, StatusCode::TOO_MANY_REQUESTS, "rate_limited")
        }
        BodyRefused::TooSlow => (ErrorKind::Timeout, StatusCode::REQUEST_TIMEOUT, "timeout"),
    };
    BodyRefusal { kind, status, error_type, error }
}

fn refuse(refused: &BodyRefused) -> (ErrorKind, Response<Body>) {
    let refusal = refusal(refused);
    let mut response = refusal.response();
    if matches!(refused, BodyRefused::NoRoom | BodyRefused::NoRoomForClient) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
    }
    (refusal.kind, response)
}

/// An answer to a request whose body was not read, unless it has none.
fn unread(mut response: Response<Body>, head: &Parts, is_empty: bool) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(REQUEST_ID), request_id(&head.headers));
    if head.version < Version::HTTP_2 && !is_empty {
        // What is left of the body cannot be told from another request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl<B> RequestBody<B> {
    /// Says how long it is, where that is known now and was not before.
    fn announce(&self, headers: &mut HeaderMap) {
        if let Content::Whole { data, .. } = &self.0
            && !headers.contains_key(header::TRANSFER_ENCODING)
        {
            headers.insert(header::CONTENT_LENGTH, data.len().into());
        }
    }
}

impl<B> http_body::Body for RequestBody<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyRefused;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BodyRefused>>> {
        match &mut self.0 {
            Content::Streamed { body, broken } => {
                let polled = Pin::new(body).poll_frame(context);
                if let Poll::Ready(Some(Err(refused))) = &polled {
                    broken.set(|| refusal(refused));
                }
                polled
            }
            Content::Whole { data, .. } if !data.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(data)))))
            }
            Content::Whole { trailers, .. } => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Streamed { body, .. } => body.is_end_stream(),
            Content::Whole { data, trailers, .. } => data.is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Streamed { body, .. } => body.size_hint(),
            Content::Whole { data, .. } => SizeHint::with_exact(data.len() as u64),
        }
    }
}
