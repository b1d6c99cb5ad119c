//! Servers in this process.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use pilotlight::{RequestBodies, Server, ServerLimits, Tls};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tower::Layer as _;

/// Long enough for whatever should happen.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// A limit that is waited for.
pub const SHORT: Duration = Duration::from_millis(200);

/// ServerLimits of which none is reached, but for what `change` makes of them.
pub fn limits(change: impl FnOnce(&mut ServerLimits)) -> ServerLimits {
    let mut limits = ServerLimits::default();
    for limit in [
        &mut limits.handshake_timeout,
        &mut limits.header_timeout,
        &mut limits.idle_timeout,
        &mut limits.body_timeout,
        &mut limits.body_deadline,
        &mut limits.body_grace,
        &mut limits.write_timeout,
        &mut limits.ping_interval,
    ] {
        *limit = 10 * PATIENCE;
    }
    change(&mut limits);
    limits
}

/// A function that tells the length of what it was sent, and can be held up.
#[derive(Clone, Default)]
pub struct Function(Arc<State>);

struct State {
    calls: AtomicUsize,
    /// Released once for each call of `/held` that may go on.
    held: Semaphore,
    /// Released when one has begun.
    begun: Semaphore,
}

impl Default for State {
    fn default() -> Self {
        let (held, begun) = (Semaphore::new(0), Semaphore::new(0));
        Self { calls: AtomicUsize::new(0), held, begun }
    }
}

impl Function {
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Waits until a call of `/held` has begun.
    pub async fn begun(&self) {
        let begun = tokio::time::timeout(PATIENCE, self.0.begun.acquire()).await;
        begun.unwrap().unwrap().forget();
    }

    pub fn let_go(&self) {
        self.0.held.add_permits(1);
    }

    pub async fn answer<B>(self, request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        if request.uri().path() == "/held" {
            self.0.begun.add_permits(1);
            self.0.held.acquire().await.unwrap().forget();
        }
        let length = request.into_body().collect().await.unwrap().to_bytes().len();
        Ok(Response::new(Full::from(format!("{length} bytes"))))
    }
}

/// A server that serves until it is told to stop.
pub struct Serving {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<bool>,
}

impl Serving {
    /// Serves `service` as it is.
    pub async fn plain<S, B>(service: S, limits: ServerLimits) -> Self
    where
        S: tower::Service<
                Request<hyper::body::Incoming>,
                Response = Response<B>,
                Error = Infallible,
                Future: Send,
            > + Clone
            + Send
            + 'static,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        Self::run(server.with_limits(limits).unwrap(), service, PATIENCE)
    }

    pub fn run<S, B>(server: Server, service: S, drain: Duration) -> Self
    where
        S: tower::Service<
                Request<hyper::body::Incoming>,
                Response = Response<B>,
                Error = Infallible,
                Future: Send,
            > + Clone
            + Send
            + 'static,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let address = server.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or_default() };
        Self { address, stop, task: tokio::spawn(server.serve(service, stopped, drain)) }
    }

    /// Serves `function` behind what reads bodies, as the program does.
    pub async fn start(function: &Function, limits: ServerLimits) -> Self {
        Self::with(function, limits, None, PATIENCE).await
    }

    pub async fn with(
        function: &Function,
        limits: ServerLimits,
        tls: Option<Tls>,
        drain: Duration,
    ) -> Self {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let mut server = server.with_limits(limits.clone()).unwrap();
        if let Some(tls) = tls {
            server = server.with_tls(tls);
        }
        let function = function.clone();
        let service = tower::service_fn(move |request| function.clone().answer(request));
        Self::run(server, RequestBodies::new(&limits).unwrap().layer(service), drain)
    }

    /// Asks it to stop; the task tells whether everything was finished.
    pub fn stop(self) -> JoinHandle<bool> {
        self.stop.send(()).unwrap();
        self.task
    }
}
