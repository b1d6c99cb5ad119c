//! Accepts connections, and ends them when the server ends.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, watch};

use super::client::Clients;
use super::connection::{Accepted, Connections, Stage};
use super::limits::ServerLimits;
use super::listener::Listener;
use super::tls::Tls;
use crate::error::Result;
use crate::telemetry::Telemetry;

/// Whether the function takes requests.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets it.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A bound socket, not yet served.
pub struct Server {
    listener: Listener,
    limits: Arc<ServerLimits>,
    tls: Option<Tls>,
    telemetry: Option<Telemetry>,
}

impl Server {
    /// Binds `address`; port 0 is any free port.
    ///
    /// # Errors
    /// [`crate::Error::Bind`].
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        Ok(Self::new(Listener::tcp(address).await?))
    }

    /// Binds a Unix socket that only this user can connect to. A socket that a dead process left
    /// there is replaced; it is removed when the server ends.
    ///
    /// # Errors
    /// [`crate::Error::Socket`], which also is for a path that somebody listens on, or that is no socket.
    pub async fn bind_unix(path: &Path) -> Result<Self> {
        Ok(Self::new(Listener::unix(path)?))
    }

    fn new(listener: Listener) -> Self {
        Self { listener, limits: Arc::default(), tls: None, telemetry: None }
    }

    /// Sets the limits.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Options`] for limits that are out of range.
    pub fn with_limits(self, limits: ServerLimits) -> Result<Self> {
        limits.check()?;
        Ok(Self { limits: Arc::new(limits), ..self })
    }

    /// Serves TLS.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Sets the telemetry, which counts refused connections, and requests that are refused by their
    /// heads.
    #[must_use]
    pub fn with_telemetry(self, telemetry: Telemetry) -> Self {
        Self { telemetry: Some(telemetry), ..self }
    }

    /// The address that was bound; none of a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    /// URL for clients: `http://ADDRESS`, `https://ADDRESS` or `unix:PATH`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.listener.url(scheme)
    }

    /// Serves HTTP/1.1 and HTTP/2 until `shutdown`, then takes no more connections, tells clients
    /// to go, and finishes the requests in flight for at most `drain`. True if all of them could
    /// be finished.
    pub async fn serve<S, B>(
        self,
        service: S,
        shutdown: impl Future<Output = ()>,
        drain: Duration,
    ) -> bool
    where
        S: tower::Service<Request<Incoming>, Response = http::Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { listener, limits, tls, telemetry } = self;
        let metrics = telemetry.as_ref().map(|telemetry| telemetry.metrics().clone());
        let places = Arc::new(Semaphore::new(limits.max_connections));
        let connections = Connections::new(Arc::clone(&limits), telemetry);
        let clients = Clients::new(Arc::clone(&limits), metrics);
        let (stage, stages) = watch::channel(Stage::Serving);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let next = async {
                // Before it is accepted: see `ServerLimits::max_connections`.
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = &mut shutdown => break,
            };
            let Some(accepted) = accepted else { continue };
            // A client that has too many costs no task; dropped, its connection is closed.
            let Ok(counted) = clients.admit(accepted.client) else { continue };
            let (connections, service, clients) =
                (connections.clone(), service.clone(), clients.clone());
            let (tls, timeout, stages) = (tls.clone(), limits.handshake_timeout, stages.clone());
            tokio::spawn(async move {
                let Ok((accepted, counted)) = clients.introduce(accepted, counted).await else {
                    return;
                };
                let Some(accepted) = shaken_hands(tls, accepted, timeout).await else { return };
                connections.serve(accepted, service, stages).await;
                drop((place, counted));
            });
        }
        drop((listener, stages));
        let _ = stage.send(Stage::Draining);
        let drained = tokio::time::timeout(drain, stage.closed()).await.is_ok();
        let _ = stage.send(Stage::Ended);
        drained
    }
}

/// The connection with TLS on it, if there is to be any.
async fn shaken_hands(tls: Option<Tls>, accepted: Accepted, timeout: Duration) -> Option<Accepted> {
    let Some(tls) = tls else { return Some(accepted) };
    match tokio::time::timeout(timeout, tls.accept(accepted)).await {
        Ok(Ok(accepted)) => Some(accepted),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake took too long");
            None
        }
    }
}
