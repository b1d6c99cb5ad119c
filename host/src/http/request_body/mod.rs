//! `tower::Layer` that buffers request bodies within the configured limits before a function is called.
//! Used by the stack of layers. Does not know routes, except through the service below it.

mod budget;
mod decompress;
mod pace;
mod paced;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Either};
use pilotlight_auth::Network;
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::Coding;
use tower::{Layer, Service};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::hyper_service::BoxError;
use super::limits::ServerLimits;
use super::middleware::{Middleware, Next};
use crate::error::Result;
use crate::request::decompress::{take_coding, unsupported};
use crate::request::{
    BeginsSession, Body, BodyLimit, ClientAddress, REQUEST_ID, RefusedBody, RequestContext,
    request_id,
};
use budget::{Budget, Share};
use decompress::{Decompressed, decompressed};
pub use paced::BodyRefused;
use paced::Paced;

/// Seconds after which other bodies will have been taken.
const RETRY_AFTER: u64 = 1;

/// A [`Layer`] that holds bodies of requests to [`ServerLimits`], and calls the service when the body is
/// there: a client that sends slowly takes no instance. It answers 413, 408, 400 and, where there is
/// no memory for more bodies, 503 itself; 429 where only this client has none. Clones share that
/// memory.
#[derive(Clone)]
pub struct RequestBodies {
    limits: Arc<ServerLimits>,
    budget: Arc<Budget>,
}

/// A service behind [`RequestBodies`].
#[derive(Clone)]
pub struct ReadBodies<S> {
    service: S,
    bodies: RequestBodies,
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
        /// Is told why it broke off.
        context: RequestContext,
    },
}

impl RequestBodies {
    /// By `limits`, as far as they are about bodies.
    ///
    /// # Errors
    /// As [`ServerLimits::check`].
    pub fn new(limits: &ServerLimits) -> Result<Self> {
        limits.check()?;
        Ok(Self { limits: Arc::new(limits.clone()), budget: Budget::new(limits) })
    }

    /// Reads the body of a request, or leaves it to be read within the limits.
    ///
    /// # Errors
    /// The response to a request whose body is refused.
    async fn read<B>(
        &self,
        request: Request<B>,
    ) -> std::result::Result<Request<RequestBody<B>>, Response<Body>>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let coding = take_coding(&mut head).map_err(|other| {
            context.failed(ErrorKind::Malformed);
            unsupported(&other)
        })?;
        let body = self.read_body(&head, (body, coding)).await.map_err(|refused| {
            let (kind, response) = refuse(&refused);
            context.failed(kind);
            response
        })?;
        if coding != Coding::Identity {
            body.announce(&mut head.headers);
        }
        Ok(Request::from_parts(head, body))
    }

    async fn read_body<B>(
        &self,
        head: &Parts,
        (body, coding): (B, Coding),
    ) -> std::result::Result<RequestBody<B>, BodyRefused>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let limits = &*self.limits;
        if head.extensions.get::<BeginsSession>().is_some() {
            // Sessions have limits of their own.
            let body = Paced::unlimited(body);
            let body = decompressed(body, coding, u64::MAX);
            return Ok(RequestBody(Content::Streamed { body, context: RequestContext::of(head) }));
        }
        let accepted = head.extensions.get::<BodyLimit>().map_or(u64::MAX, |limit| limit.0);
        let most = accepted.min(limits.max_body_bytes);
        // Before the client is told to go on (RFC 9110, 10.1.1).
        let announced = body.size_hint().lower();
        if announced > coding.longest(most) {
            return Err(BodyRefused::TooLarge(most));
        }
        let body = Paced::new(body, limits, (most, coding.longest(most)));
        let body = decompressed(body, coding, most);
        if limits.stream_bodies {
            let context = RequestContext::of(head);
            return Ok(RequestBody(Content::Streamed { body, context }));
        }
        let share = Arc::clone(&self.budget).share(limited_client(head, limits), announced)?;
        // What an encoded body has to say of its length is not how long it will be.
        let length = if coding == Coding::Identity { announced } else { 0 };
        collect(body, share, usize::try_from(length).unwrap_or(0)).await.map(RequestBody)
    }
}

impl Middleware for RequestBodies {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let failed = |refused: BodyRefused| {
            tracing::debug!(%refused, "the body of a request was aborted");
            HttpError::ConnectionTerminated
        };
        match self.read(request).await {
            Ok(request) => next.run(request.map(|body| body.map_err(failed).boxed_unsync())).await,
            Err(response) => response,
        }
    }
}

impl<S> Layer<S> for RequestBodies {
    type Service = ReadBodies<S>;

    fn layer(&self, service: S) -> ReadBodies<S> {
        ReadBodies { service, bodies: self.clone() }
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
        let bodies = self.bodies.clone();
        let (version, empty) = (request.version(), request.body().is_end_stream());
        let id = request_id(request.headers());
        Box::pin(async move {
            match bodies.read(request).await {
                Ok(request) => {
                    service.call(request).await.map(|response| response.map(Either::Right))
                }
                Err(mut response) => {
                    response.headers_mut().insert(REQUEST_ID, id);
                    if version < Version::HTTP_2 && !empty {
                        // What is left of the body cannot be told from another request.
                        let close = HeaderValue::from_static("close");
                        response.headers_mut().insert(header::CONNECTION, close);
                    }
                    Ok(response.map(Either::Left))
                }
            }
        })
    }
}

/// Whom the memory of a body counts for; nobody where the client has no limit of its own.
fn limited_client(head: &Parts, limits: &ServerLimits) -> Option<Network> {
    let ClientAddress(client) = head.extensions.get::<ClientAddress>()?;
    (!limits.trusts(*client)).then(|| Network::of(*client))
}

/// Reads a body of at least `length` bytes to its end, in one piece: small parts would each keep a
/// buffer, and one that grows leaves its former places behind. Memory that nothing has been written to is
/// not resident, so the bytes that have come are what a body takes.
async fn collect<B>(
    mut body: Decompressed<B>,
    mut share: Share,
    length: usize,
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
                if data.is_empty() {
                    data.reserve(length);
                }
                data.extend_from_slice(&part);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Content::Whole { data: data.freeze(), trailers, _share: share })
}

fn refusal(refused: &BodyRefused) -> RefusedBody {
    let error = refused.to_string();
    let (kind, status, error_type) = match refused {
        BodyRefused::TooLarge(_) => return RefusedBody::too_large(error),
        BodyRefused::Broken(_) | BodyRefused::Encoding(_) => return RefusedBody::malformed(error),
        BodyRefused::NoRoom => {
            (ErrorKind::Overloaded, StatusCode::SERVICE_UNAVAILABLE, "overloaded")
        }
        BodyRefused::NoRoomForClient => {
            (ErrorKind::RateLimited, StatusCode::TOO_MANY_REQUESTS, "rate_limited")
        }
        BodyRefused::TooSlow => (ErrorKind::Timeout, StatusCode::REQUEST_TIMEOUT, "timeout"),
    };
    RefusedBody { kind, status, error_type, error }
}

fn refuse(refused: &BodyRefused) -> (ErrorKind, Response<Body>) {
    let refusal = refusal(refused);
    let mut response = refusal.response();
    if matches!(refused, BodyRefused::NoRoom | BodyRefused::NoRoomForClient) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
    }
    (refusal.kind, response)
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
            Content::Streamed { body, context: request } => {
                let polled = Pin::new(body).poll_frame(context);
                if let Poll::Ready(Some(Err(refused))) = &polled {
                    request.refuse_body(|| refusal(refused));
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
