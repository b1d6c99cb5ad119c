use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http1;
use tokio::sync::Semaphore;

use super::{Driver, Response, connect, read};
use crate::failure::Failure;

/// Connections with one request at a time. The most recently used one is reused first, so that few
/// connections stay open.
pub(crate) struct Pool {
    address: SocketAddr,
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    _driver: Driver,
}

impl Pool {
    pub(crate) fn new(address: SocketAddr, connections: usize) -> Self {
        let free = Semaphore::new(connections.min(Semaphore::MAX_PERMITS));
        Self { address, free, idle: Mutex::default() }
    }

    /// A connection whose request fails or is dropped is closed.
    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response, Failure> {
        let _permit = self.free.acquire().await.map_err(|_| Failure::Connect)?;
        let mut connection = self.connection().await?;
        let response = read(connection.sender.send_request(request).await?).await?;
        if !connection.sender.is_closed() {
            self.idle().push(connection);
        }
        Ok(response)
    }

    async fn connection(&self) -> Result<Connection, Failure> {
        while let Some(mut connection) = self.take() {
            if connection.sender.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let (sender, driver) = http1::handshake(connect(self.address).await?).await?;
        let task = tokio::spawn(async move {
            // The request that fails reports the error.
            let _ = driver.await;
        });
        Ok(Connection { sender, _driver: Driver(task.abort_handle()) })
    }

    fn take(&self) -> Option<Connection> {
        self.idle().pop()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
