//! What a function answers to its sample, to be compared wherever it is going to serve.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::oneshot;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use pilotlight_sandbox::{EpochTicker, Instance, Job, RequestSource};
use serde_json::Value;
use tokio::time::Instant;
use wasmtime_wasi_http::handler::Proxy;
use wasmtime_wasi_http::{p2, p3};

use super::{Frozen, TIME_LIMIT, stopped_by};
use crate::error::{Error, Result};
use crate::sample::Sample;

/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 20;

impl Frozen {
    /// Has the `request` to `path` answered, interrupted by `ticker`.
    pub(super) async fn sample(
        mut self,
        ticker: EpochTicker,
        (path, request): (String, Value),
    ) -> Result<Sample> {
        let proxy = self.proxy().map_err(Error::runtime("finding the handler of requests"))?;
        let mut instance = Instance::new(self.store, proxy, ticker, Duration::ZERO);
        let answer = ask(&mut instance, &path, &request).await;
        let sample = answer.and_then(|answer| Sample::new(path, request, answer));
        sample.map_err(|reason| {
            Error::Refused(format!(
                "the built function does not answer its sample request: {reason}"
            ))
        })
    }

    fn proxy(&mut self) -> wasmtime::Result<Proxy> {
        if let Ok(service) = p3::bindings::Service::new(&mut self.store, &self.instance) {
            return Ok(Proxy::P3(service));
        }
        Ok(Proxy::P2(p2::bindings::Proxy::new(&mut self.store, &self.instance)?))
    }
}

async fn ask(
    instance: &mut Instance,
    path: &str,
    request: &Value,
) -> std::result::Result<Value, String> {
    let request = Request::post(format!("http://pilotlight{path}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(request.to_string())))
        .map_err(|error| error.to_string())?
        .map(|body| body.map_err(|never| match never {}).boxed_unsync());
    let (respond, response) = oneshot::channel();
    let job = Job { request, respond, deadline: Instant::now() + TIME_LIMIT };
    let read = async {
        let response = response.await.map_err(|_| "it returned no response".to_owned())?;
        let response = response.map_err(|error| stopped_by(&error, false))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_ANSWER);
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok::<_, String>((status, body.to_bytes()))
    };
    let mut alone = Alone;
    let (served, read) = tokio::join!(instance.serve(job, &mut alone), read);
    served.map_err(|error| stopped_by(&error, instance.was_refused_memory()))?;
    let (status, body) = read?;
    if status != StatusCode::OK {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    serde_json::from_slice(&body).map_err(|error| format!("it is not JSON: {error}"))
}

/// No request follows.
struct Alone;

impl RequestSource for Alone {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Job> {
        Poll::Pending
    }

    fn finished(&mut self, _: Instant) {}

    fn close(&mut self) -> Option<Job> {
        None
    }
}
