//! Sends a request that no function serves through a [`Host`]: body limits, path normalization,
//! request context and routing, without an instance. `cargo xtask instructions` counts the
//! instructions of `measured`.

use std::hint::black_box;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use pilotlight::{Cache, Host, HostService, ServerLimits};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

const BODY: &[u8] = b"{\"inputs\": \"My name is Sarah Connor.\"}";

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::new(Cache::open(Some(folder.path().to_owned()))?);
    let service = host.service(&ServerLimits::default(), None)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Initializes what is created on first use.
    respond(&runtime, service.clone())?;
    let status = measured(&runtime, service)?;
    anyhow::ensure!(status == StatusCode::NOT_FOUND, "unexpected status {status}");
    Ok(())
}

#[inline(never)]
fn measured(runtime: &Runtime, service: HostService) -> anyhow::Result<StatusCode> {
    black_box(respond(runtime, service))
}

fn respond(runtime: &Runtime, service: HostService) -> anyhow::Result<StatusCode> {
    let request = Request::post("http://localhost/v1//token-classification?a=b")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("x-request-id", "instructions")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .body(Full::new(Bytes::from_static(BODY)))?;
    runtime.block_on(async {
        let (head, body) = service.oneshot(request).await?.into_parts();
        body.collect().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(head.status)
    })
}
