//! Which client a connection is of, and whether it may have one more.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use pilotlight_auth::{Network, ProxyHeader, ProxyHeaderError, proxy_header};
use pilotlight_telemetry::{Metrics, RefusedConnection};
use tokio::io::AsyncReadExt as _;

use super::connection::Accepted;
use super::holdings::{Holding, Holdings};
use super::limits::ServerLimits;

/// Connections by client.
#[derive(Clone)]
pub(super) struct Clients {
    limits: Arc<ServerLimits>,
    connections: Arc<Holdings>,
    metrics: Option<Metrics>,
}

/// Why a connection is closed before anything is asked on it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientRefused {
    #[error("{0} has the maximum number of connections of an address")]
    TooMany(Network),
    #[error("{0}")]
    Header(#[from] ProxyHeaderError),
    #[error("the PROXY protocol header is incomplete: {0}")]
    Broken(#[from] io::Error),
    #[error("the PROXY protocol header did not arrive in time")]
    Late,
}

impl Clients {
    pub(super) fn new(limits: Arc<ServerLimits>, metrics: Option<Metrics>) -> Self {
        Self { limits, connections: Arc::default(), metrics }
    }

    /// Counts a connection of `client` for as long as the result lives; proxies and Unix sockets are
    /// not counted.
    pub(super) fn admit(&self, client: Option<IpAddr>) -> Result<Option<Holding>, ClientRefused> {
        let Some(client) = client.filter(|client| !self.limits.trusts(*client)) else {
            return Ok(None);
        };
        let network = Network::of(client);
        let mut connection = self.connections.of(network);
        let most = u64::try_from(self.limits.max_connections_per_address).unwrap_or(u64::MAX);
        let admitted = connection.grow(1, most);
        let refused = || self.refused(ClientRefused::TooMany(network));
        admitted.then_some(Some(connection)).ok_or_else(refused)
    }

    /// The same connection of the client that a trusted proxy names, if proxies have to name one.
    pub(super) async fn introduce(
        &self,
        accepted: Accepted,
        connection: Option<Holding>,
    ) -> Result<(Accepted, Option<Holding>), ClientRefused> {
        let trusted = accepted.client.is_some_and(|peer| self.limits.trusts(peer));
        if !self.limits.proxy_protocol || !trusted {
            return Ok((accepted, connection));
        }
        let read = tokio::time::timeout(self.limits.header_timeout, named(accepted)).await;
        let named =
            read.unwrap_or(Err(ClientRefused::Late)).map_err(|error| self.refused(error))?;
        let connection = self.admit(named.client)?;
        Ok((named, connection))
    }

    fn refused(&self, refused: ClientRefused) -> ClientRefused {
        tracing::debug!(%refused, "a connection was refused");
        if let Some(metrics) = &self.metrics {
            metrics.refused_connection(match refused {
                ClientRefused::TooMany(_) => RefusedConnection::TooMany,
                _ => RefusedConnection::ProxyHeader,
            });
        }
        refused
    }
}

/// Reads the header that a proxy begins with, and nothing of what follows it.
async fn named(mut accepted: Accepted) -> Result<Accepted, ClientRefused> {
    let mut header = Vec::new();
    loop {
        match proxy_header(&header)? {
            ProxyHeader::Incomplete(more) => {
                let known = header.len();
                header.resize(known + more, 0);
                accepted.socket.read_exact(&mut header[known..]).await?;
            }
            ProxyHeader::Local => return Ok(accepted),
            ProxyHeader::Client(client) => {
                return Ok(Accepted { client: Some(client), ..accepted });
            }
            // Not the proxy's own address: it may be allowed what no client is.
            ProxyHeader::Unknown => return Ok(Accepted { client: None, ..accepted }),
        }
    }
}
