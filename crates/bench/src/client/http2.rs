use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Mutex, Semaphore};

use super::{Driver, Response, connect, read};
use crate::failure::Failure;

/// Servers commonly allow 100 to 250 streams on a connection.
const STREAMS_PER_CONNECTION: usize = 100;

/// Few connections with many requests each.
pub(crate) struct Pool {
    address: SocketAddr,
    free: Semaphore,
    /// Each exchange holds a clone of its connection.
    open: Mutex<Vec<Arc<Connection>>>,
}

struct Connection {
    sender: http2::SendRequest<Full<Bytes>>,
    _driver: Driver,
}

impl Pool {
    pub(crate) fn new(address: SocketAddr, connections: usize) -> Self {
        let streams = connections.saturating_mul(STREAMS_PER_CONNECTION);
        let free = Semaphore::new(streams.min(Semaphore::MAX_PERMITS));
        Self { address, free, open: Mutex::default() }
    }

    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response, Failure> {
        let _permit = self.free.acquire().await.map_err(|_| Failure::Connect)?;
        let connection = self.connection().await?;
        let mut sender = connection.sender.clone();
        sender.ready().await?;
        read(sender.send_request(request).await?).await
    }

    /// The first connection with a free stream. Requests wait while a connection is being opened, so
    /// that a burst at the beginning shares it.
    async fn connection(&self) -> Result<Arc<Connection>, Failure> {
        let mut open = self.open.lock().await;
        open.retain(|connection| !connection.sender.is_closed());
        let roomy =
            |connection: &&Arc<Connection>| Arc::strong_count(connection) <= STREAMS_PER_CONNECTION;
        if let Some(connection) = open.iter().find(roomy) {
            return Ok(Arc::clone(connection));
        }
        let io = connect(self.address).await?;
        let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await?;
        let task = tokio::spawn(async move {
            // The request that fails reports the error.
            let _ = driver.await;
        });
        let driver = Driver(task.abort_handle());
        let connection = Arc::new(Connection { sender, _driver: driver });
        open.push(Arc::clone(&connection));
        Ok(connection)
    }
}
