//! HTTP/1.1 and HTTP/2 clients over plain TCP, with control over each connection.
//! Used by the modules that send requests (`session`, `measure`, `start`, `stream`). Does not know reports.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::failure::Failure;
use crate::load::Protocol;

mod http1;
mod http2;

/// A response that was read to its last byte.
pub(crate) struct Response {
    pub(crate) head: Parts,
    /// Bytes of the body.
    pub(crate) bytes: u64,
}

/// Connections to one address.
pub(crate) enum Client {
    Http1(http1::Pool),
    Http2(http2::Pool),
}

impl Client {
    /// At most `connections` are open at a time; a request beyond waits for a free one.
    pub(crate) fn new(address: SocketAddr, protocol: Protocol, connections: usize) -> Self {
        match protocol {
            Protocol::Http1 => Self::Http1(http1::Pool::new(address, connections)),
            Protocol::Http2 => Self::Http2(http2::Pool::new(address, connections)),
        }
    }

    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response, Failure> {
        match self {
            Self::Http1(pool) => pool.exchange(request).await,
            Self::Http2(pool) => pool.exchange(request).await,
        }
    }
}

/// A connection that sends small requests at once.
pub(crate) async fn connect(address: SocketAddr) -> Result<TokioIo<TcpStream>, Failure> {
    let stream = TcpStream::connect(address).await.map_err(|_| Failure::Connect)?;
    stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
    Ok(TokioIo::new(stream))
}

async fn read(response: hyper::Response<Incoming>) -> Result<Response, Failure> {
    let (head, mut body) = response.into_parts();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(Response { head, bytes })
}

/// Ends the task that drives a connection when the connection is dropped.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
