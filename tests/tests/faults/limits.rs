//! What is refused before an instance is taken.

use std::pin::Pin;

use bytes::Bytes;
use futures::future::poll_immediate;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Channel, Full};
use pilotlight::{Body, FailureKind, Host};
use pilotlight_tests::hosts::{get, host, pool, until};
use tower::Service as _;

use super::{counted, failures, metric, version};

type Asking = Pin<Box<dyn Future<Output = Response<Body>>>>;

/// A request that is worked on, or waits, until its body ends.
pub(super) struct Held {
    asking: Asking,
    body: http_body_util::channel::Sender<Bytes>,
}

impl Held {
    /// Ends the body; what is answered then.
    pub(super) async fn finish(self) -> Bytes {
        drop(self.body);
        self.asking.await.into_body().collect().await.unwrap().to_bytes()
    }
}

pub(super) async fn hold(host: &Host) -> Held {
    let (sender, body) = Channel::<Bytes>::new(1);
    let request = Request::post("http://localhost/wait").body(body).unwrap();
    let mut host = host.clone();
    let mut asking: Asking = Box::pin(async move { host.call(request).await.unwrap() });
    assert!(poll_immediate(&mut asking).await.is_none());
    Held { asking, body: sender }
}

async fn error_type(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["error_type"].as_str().unwrap().to_owned()
}

fn post(
    body: impl http_body::Body<Data = Bytes> + Send + 'static,
) -> Request<impl http_body::Body<Data = Bytes, Error = String> + Send + 'static> {
    Request::post("http://localhost/wait").body(body.map_err(|_| "broken".to_owned())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_the_queue_full_is_told_when_to_come_again() {
    let host = host(|options| (options.concurrent_requests, options.queue) = (Some(1), 1)).await;
    let running = hold(&host).await;
    let mut waiting = hold(&host).await;
    assert_eq!((version(&host).requests.running, version(&host).requests.waiting), (1, 1));
    let refused = super::ask(&host, "/count").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(error_type(refused).await, "overloaded");
    assert_eq!(failures(&host, FailureKind::QueueFull), 1);
    assert_eq!(counted(&host, "queue_full"), 1);
    drop(running);
    assert!(poll_immediate(&mut waiting.asking).await.is_none(), "its turn has come");
    until(&host, "at work", |pool| pool.acquired_ready + pool.acquired_inline == 2).await;
    assert_eq!(version(&host).requests.waiting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_has_a_deadline() {
    let host = host(|options| {
        options.concurrent_requests = Some(1);
        options.queue_deadline = std::time::Duration::from_millis(20);
    })
    .await;
    let _running = hold(&host).await;
    let refused = super::ask(&host, "/count").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(failures(&host, FailureKind::QueueDeadline), 1);
    drop(refused);
    assert_eq!(counted(&host, "overloaded"), 1);
    let waited = metric(&host, "pilotlight_stage_duration_seconds_sum", "stage=\"queue\"");
    assert!(waited.parse::<f64>().unwrap() >= 0.02, "{waited}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_for_an_instance_is_told_to_come_again() {
    let host = host(|options| {
        options.pool.max_instances = 1;
        options.queue_deadline = std::time::Duration::from_millis(20);
    })
    .await;
    // Its place is free again, and its instance not before the answer has been read.
    let unread = super::ask(&host, "/hang").await;
    assert_eq!(version(&host).requests.running, 0);
    let refused = super::ask(&host, "/count").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(error_type(refused).await, "overloaded");
    assert_eq!(failures(&host, FailureKind::NoInstance), 1);
    assert_eq!(counted(&host, "overloaded"), 1);
    drop(unread);
    until(&host, "at rest", |pool| pool.live == pool.ready).await;
    assert_eq!(get(&host, "/count").await, (200, "1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_it_is_too_long_costs_no_instance() {
    let host = host(|options| options.body_limit = 10).await;
    let fits = host.clone().call(post(Full::from("0123456789"))).await.unwrap();
    assert_eq!(fits.status(), 200);
    let before = pool(&host).acquired_ready + pool(&host).acquired_inline;
    let refused = host.clone().call(post(Full::from("01234567890"))).await.unwrap();
    assert_eq!(refused.status(), 413);
    assert_eq!(error_type(refused).await, "payload_too_large");
    assert_eq!(failures(&host, FailureKind::BodyTooLong), 1);
    assert_eq!(counted(&host, "too_large"), 1);
    assert_eq!(pool(&host).acquired_ready + pool(&host).acquired_inline, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_turns_out_too_long_is_broken_off_and_the_host_answers() {
    let host = host(|options| options.body_limit = 10).await;
    let (mut sender, body) = Channel::<Bytes>::new(4);
    let asking = tokio::spawn(host.clone().call(post(body)));
    for _ in 0..3 {
        if sender.send_data(Bytes::from_static(b"01234")).await.is_err() {
            break;
        }
    }
    drop(sender);
    let response = asking.await.unwrap().unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(error_type(response).await, "payload_too_large");
    assert_eq!(get(&host, "/count").await, (200, "1".to_owned()));
}
