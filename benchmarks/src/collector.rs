//! An OpenTelemetry collector that discards everything.

use std::net::{SocketAddr, TcpListener};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use tokio::runtime::Builder;

/// A collector that runs until the process ends.
pub(crate) struct Collector(SocketAddr);

impl Collector {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || runtime.block_on(serve(listener)));
        Ok(Self(address))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let discard = |_: Bytes| async {};
    let routes = Router::new().fallback(discard).layer(DefaultBodyLimit::disable());
    axum::serve(listener, routes).await
}
