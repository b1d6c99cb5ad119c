//! One connection, from its first byte to its last.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::Instant;

use super::activity::{Activity, Standing};
use super::hyper_service::{Answering, BoxError};
use super::limits::ServerLimits;
use super::stream::{Socket, Stream};
use super::unread::{Alarm, Unread, until_unread};
use super::upgrade::AfterUpgrade;
use crate::telemetry::Telemetry;

/// hyper's own, below which it does not go.
const SMALLEST_BUFFER: usize = 8 << 10;
/// How many headers hyper has room for without allocating.
const USUAL_HEADERS: usize = 100;

/// How long a server goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Serving,
    /// Requests in flight are finished.
    Draining,
    /// They have had their time.
    Ended,
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
    /// It has not been asked.
    Unknown,
}

/// How connections are served.
#[derive(Clone)]
pub(super) struct Connections {
    limits: Arc<ServerLimits>,
    telemetry: Option<Telemetry>,
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
}

/// Reasons why a connection was closed early.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the connection was aborted: {0}")]
    Off(#[from] std::io::Error),
    #[error("{0}")]
    Protocol(#[from] hyper::Error),
    #[error("no request arrived in time")]
    Unused,
    #[error("the client does not read")]
    Unread,
    #[error("the client reset too many requests")]
    Resets,
    #[error("the server is stopped")]
    Ended,
}

/// Accepted connection.
pub(super) struct Accepted {
    pub(super) socket: Box<dyn Socket>,
    pub(super) protocol: Protocol,
    /// Client address: that of the peer, or the client that a trusted proxy names.
    pub(super) client: Option<IpAddr>,
}

impl Connections {
    /// Requests that are refused by their heads are told to `telemetry`.
    pub(super) fn new(limits: Arc<ServerLimits>, telemetry: Option<Telemetry>) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            // There is a clock for each connection already.
            .header_read_timeout(None)
            .max_header_size(limits.max_header_bytes)
            .max_buf_size(limits.max_header_bytes.max(SMALLEST_BUFFER))
            // Who closes the connection is gone, and nothing is computed for nobody.
            .half_close(false);
        if limits.max_headers != USUAL_HEADERS {
            http1.max_headers(limits.max_headers);
        }
        let mut http2 = http2::Builder::new(Streams(limits.write_timeout));
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_streams)
            .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
            .max_local_error_reset_streams(usize::try_from(limits.max_resets).ok())
            .keep_alive_interval(limits.ping_interval)
            .keep_alive_timeout(limits.ping_timeout);
        Self { limits, telemetry, http1, http2 }
    }

    /// Serves a connection until its client closes it, a limit is reached, or all have to go.
    pub(super) async fn serve<S, B>(
        self,
        accepted: Accepted,
        service: S,
        stage: watch::Receiver<Stage>,
    ) where
        S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Err(cut) = self.until_end(accepted, service, stage).await {
            tracing::debug!(%cut, "a connection was closed");
        }
    }

    async fn until_end<S, B>(
        self,
        accepted: Accepted,
        service: S,
        mut stage: watch::Receiver<Stage>,
    ) -> Result<(), Cut>
    where
        S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let Accepted { socket, protocol, client } = accepted;
        let activity = Arc::new(Activity::new(Arc::clone(&self.limits)));
        let unread = Arc::new(Unread::default());
        let mut stream = Stream::new(socket, Arc::clone(&activity), Arc::clone(&unread));
        let ServerLimits { header_timeout, write_timeout, .. } = *self.limits;
        let http2 = match protocol {
            Protocol::Http1 => false,
            Protocol::Http2 => true,
            Protocol::Unknown => tokio::select! {
                biased;
                asked = tokio::time::timeout(header_timeout, stream.is_http2()) => {
                    asked.map_err(|_| Cut::Unused)??
                }
                _ = stage.wait_for(|stage| *stage > Stage::Serving) => return Ok(()),
            },
        };
        let client = client.map(|client| client.to_canonical());
        let (limits, activity_of, telemetry) =
            (Arc::clone(&self.limits), Arc::clone(&activity), self.telemetry.clone());
        let after = AfterUpgrade::default();
        let upgrades = after.clone();
        let service =
            Answering { service, client, limits, activity: activity_of, after, telemetry };
        let io = TokioIo::new(stream);
        let mut ended = stage.clone();
        let drive = Drive { activity, header_timeout, stage };
        let end = if http2 {
            drive.activity.multiplexed();
            let connection = self.http2.serve_connection(io, service);
            let close = http2::Connection::graceful_shutdown;
            until_unread(drive.until_end(connection, close), unread, write_timeout).await
        } else {
            let connection = self.http1.serve_connection(io, service).with_upgrades();
            let close = http1::UpgradeableConnection::graceful_shutdown;
            until_unread(drive.until_end(connection, close), unread, write_timeout).await
        };
        end.unwrap_or(Err(Cut::Unread))?;
        let Some(upgraded) = upgrades.take() else { return Ok(()) };
        tokio::select! {
            () = upgraded => Ok(()),
            _ = ended.wait_for(|stage| *stage == Stage::Ended) => Err(Cut::Ended),
        }
    }
}

/// What a connection is driven by.
struct Drive {
    activity: Arc<Activity>,
    header_timeout: Duration,
    stage: watch::Receiver<Stage>,
}

impl Drive {
    /// Runs `connection` to its end; `close` lets it finish its requests and take no others.
    async fn until_end<C>(self, connection: C, close: impl Fn(Pin<&mut C>)) -> Result<(), Cut>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let Self { activity, header_timeout, stage } = self;
        let (mut drained, mut ended) = (stage.clone(), stage);
        let mut drained = pin!(drained.wait_for(|stage| *stage > Stage::Serving));
        let mut ended = pin!(ended.wait_for(|stage| *stage == Stage::Ended));
        let (mut draining, mut closing, mut alarm) = (false, None, Alarm::default());
        let mut connection = pin!(connection);
        std::future::poll_fn(|context| {
            loop {
                let ends = !draining && drained.as_mut().poll(context).is_ready();
                draining |= ends;
                // A response that is ready at the same time has to say that it is the last one.
                // Otherwise a request that is ready at the same time is read first.
                let is_busy = activity.is_busy();
                if ends && is_busy {
                    activity.hurry();
                    close(connection.as_mut());
                }
                if let Poll::Ready(result) = connection.as_mut().poll(context) {
                    return Poll::Ready(result.map_err(Cut::from));
                }
                if ends && !is_busy {
                    activity.hurry();
                    close(connection.as_mut());
                    continue;
                }
                if draining && ended.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(Cut::Ended));
                }
                let (deadline, idle) = match activity.standing(context.waker()) {
                    Standing::Busy => (None, false),
                    Standing::Head(deadline) => (Some(deadline), false),
                    Standing::Idle(deadline) => (Some(deadline), closing.is_none()),
                    Standing::Resets => return Poll::Ready(Err(Cut::Resets)),
                };
                // A client that is told to go has to go, unless a request crossed that.
                let deadline = deadline.map(|deadline| closing.unwrap_or(deadline));
                if alarm.poll(deadline, context).is_pending() {
                    return Poll::Pending;
                }
                if !idle {
                    return Poll::Ready(Err(Cut::Unused));
                }
                closing = Some(Instant::now() + header_timeout);
                close(connection.as_mut());
            }
        })
        .await
    }
}

/// Runs the requests of HTTP/2 connections, each for as long as its client reads the answer.
#[derive(Debug, Clone, Copy)]
struct Streams(Duration);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(until_unread(stream, Arc::new(Unread::default()), self.0));
    }
}
