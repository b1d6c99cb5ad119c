//! Hosts in this process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use pilotlight::{Cache, DEFAULT_FUNCTION, FunctionOptions, Host, PoolStatus, Source, Tls};
use pilotlight_testing::certificates::Files;
use tower::Service as _;

use crate::{cache, test_guest};

/// Far longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Options that differ from the defaults in what `change` changes.
pub fn options(change: impl FnOnce(&mut FunctionOptions)) -> FunctionOptions {
    let mut options = FunctionOptions::default();
    change(&mut options);
    options
}

/// A host that serves the component in `file`.
pub async fn load(file: PathBuf, options: FunctionOptions) -> Host {
    let cache = Cache::open(Some(cache().to_owned())).unwrap();
    Host::load(Source::Component(file), options, cache, |_| {}).await.unwrap()
}

/// A host that serves the guest of the tests for WASI 0.3.
pub async fn host(change: impl FnOnce(&mut FunctionOptions)) -> Host {
    load(test_guest("p3"), options(change)).await
}

/// Asks it; the status and the body.
pub async fn get(host: &Host, path: &str) -> (u16, String) {
    let request = Request::get(format!("http://localhost{path}"));
    let response = host.clone().call(request.body(Full::<Bytes>::default()).unwrap()).await;
    let (head, body) = response.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap())
}

/// Waits until the pool is as it should be.
pub async fn until(host: &Host, what: &str, reached: impl Fn(&PoolStatus) -> bool) -> PoolStatus {
    let start = Instant::now();
    loop {
        let status = pool(host);
        if reached(&status) {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "never {what}: {status:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A server's certificate and key, read from their files.
///
/// # Errors
/// When they cannot be used.
pub fn open_tls(files: &Files) -> pilotlight::Result<Tls> {
    Tls::open(&files.certificate(), &files.key())
}

/// Its pool.
pub fn pool(host: &Host) -> PoolStatus {
    host.pool(DEFAULT_FUNCTION).unwrap()
}
