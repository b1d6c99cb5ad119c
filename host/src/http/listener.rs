use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use super::connection::{Accepted, Protocol};
use super::unix::SocketFile;
use crate::error::{Error, Result};

/// Out of file descriptors, most likely: gives others time to close.
const REST: Duration = Duration::from_millis(10);

/// Where connections come from.
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    pub(super) async fn tcp(address: SocketAddr) -> Result<Self> {
        let bind = |source| Error::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let bound = listener.local_addr();
        let address = bound.map_err(|source| Error::Bind { address, source })?;
        Ok(Self::Tcp(listener, address))
    }

    pub(super) fn unix(path: &Path) -> Result<Self> {
        let (listener, file) = SocketFile::bind(path)?;
        Ok(Self::Unix(listener, file))
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, address) => Some(*address),
            Self::Unix(..) => None,
        }
    }

    pub(super) fn url(&self, scheme: &str) -> String {
        match self {
            Self::Tcp(_, address) => format!("{scheme}://{address}"),
            Self::Unix(_, file) => format!("unix:{}", file.path().display()),
        }
    }

    /// The next connection; none if that did not work out.
    pub(super) async fn accept(&self) -> Option<Accepted> {
        match self.take().await {
            Ok(accepted) => Some(accepted),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(REST).await;
                None
            }
        }
    }

    async fn take(&self) -> io::Result<Accepted> {
        let protocol = Protocol::Unknown;
        match self {
            Self::Tcp(listener, _) => {
                let (stream, client) = listener.accept().await?;
                // Responses are written whole: waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                Ok(Accepted { socket: Box::new(stream), protocol, client: Some(client.ip()) })
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok(Accepted { socket: Box::new(stream), protocol, client: None })
            }
        }
    }
}
