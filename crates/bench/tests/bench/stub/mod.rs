//! An HTTP server that does what its script says, on a thread of its own.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::convert::Infallible;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pilotlight_bench::{Load, Protocol, Report, Scenario, Target, measure};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A request as the script sees it.
pub(crate) struct Asked {
    /// Which request this is, from 0.
    pub(crate) nth: u64,
    pub(crate) method: http::Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) server: Arc<State>,
}

/// What all requests to a stub share.
#[derive(Default)]
pub(crate) struct State {
    nth: AtomicU64,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    connections: AtomicUsize,
    close: Notify,
    closed: Notify,
}

impl State {
    /// Closes the listening socket; returns when it is closed.
    pub(crate) async fn close(&self) {
        self.close.notify_one();
        self.closed.notified().await;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.nth.load(Ordering::SeqCst)
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// What the script answers.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// The connection breaks after this body.
    pub(crate) breaks: bool,
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::status(200)
    }

    pub(crate) fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self { status, headers: Vec::new(), body: Bytes::from_static(b"{}"), breaks: false }
    }

    pub(crate) fn broken() -> Self {
        let headers = vec![("content-length", "100".to_owned())];
        Self { headers, breaks: true, ..Self::ok() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn response(self) -> Response<Scripted> {
        let mut response = Response::new(Scripted { left: Some(self.body), breaks: self.breaks });
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}

/// A body that may end in an error.
struct Scripted {
    left: Option<Bytes>,
    breaks: bool,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match self.left.take() {
            Some(body) => Some(Ok(Frame::data(body))),
            None => self.breaks.then(|| Err(std::io::Error::other("the script says so"))),
        })
    }
}

/// A running stub; it ends with the test process.
pub(crate) struct Stub {
    pub(crate) url: String,
    pub(crate) state: Arc<State>,
}

impl Stub {
    pub(crate) fn start<S, F>(script: S) -> Self
    where
        S: Fn(Asked) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::start_with(Protocol::Http1, script)
    }

    pub(crate) fn start_with<S, F>(protocol: Protocol, script: S) -> Self
    where
        S: Fn(Asked) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/path", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let local = tokio::task::LocalSet::new();
            let served = listen(protocol, listener, shared, Arc::new(script));
            local.block_on(&runtime.unwrap(), served);
        });
        Self { url, state }
    }

    pub(crate) fn target(&self, name: &str) -> Target {
        Target { name: name.to_owned(), url: self.url.parse().unwrap() }
    }

    /// One round against this stub alone, without warm-up.
    pub(crate) fn scenario(&self, load: Load, duration: Duration) -> Scenario {
        Scenario {
            load,
            duration,
            warm_up: Duration::ZERO,
            ..Scenario::new(vec![self.target("stub")])
        }
    }
}

pub(crate) fn run(scenario: &Scenario) -> Report {
    measure(scenario, &|_| ()).unwrap()
}

/// How many recorded latencies lie in bins that begin at or above `ms`.
pub(crate) fn at_least(report: &Report, ms: f64) -> u64 {
    report.targets[0].histogram.iter().filter(|bin| bin.0 >= ms * 0.999).map(|bin| bin.2).sum()
}

async fn listen<S, F>(
    protocol: Protocol,
    listener: std::net::TcpListener,
    state: Arc<State>,
    script: Arc<S>,
) where
    S: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            () = state.close.notified() => break,
        };
        state.connections.fetch_add(1, Ordering::SeqCst);
        tokio::task::spawn_local(converse(
            protocol,
            stream,
            Arc::clone(&state),
            Arc::clone(&script),
        ));
    }
    drop(listener);
    state.closed.notify_one();
    future::pending::<()>().await;
}

async fn converse<S, F>(protocol: Protocol, stream: TcpStream, state: Arc<State>, script: Arc<S>)
where
    S: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        answer(request, Arc::clone(&state), Arc::clone(&script))
    });
    let io = TokioIo::new(stream);
    // A client that goes away is part of what is tested.
    let _ = match protocol {
        Protocol::Http1 => {
            hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
        }
        Protocol::Http2 => {
            let executor = TokioExecutor::new();
            hyper::server::conn::http2::Builder::new(executor).serve_connection(io, service).await
        }
    };
}

async fn answer<S, F>(
    request: Request<Incoming>,
    state: Arc<State>,
    script: Arc<S>,
) -> Result<Response<Scripted>, Infallible>
where
    S: Fn(Asked) -> F,
    F: Future<Output = Reply>,
{
    let nth = state.nth.fetch_add(1, Ordering::SeqCst);
    let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    state.most_in_flight.fetch_max(now, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let asked =
        Asked { nth, method: head.method, headers: head.headers, body, server: Arc::clone(&state) };
    let reply = script(asked).await;
    state.in_flight.fetch_sub(1, Ordering::SeqCst);
    Ok(reply.response())
}
