//! Requests that share an instance: while it waits, and never while it computes.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use pilotlight::{FunctionOptions, Host};
use pilotlight_tests::hosts::{PATIENCE, get, host, pool, until};
use tokio::task::JoinHandle;
use tower::Service as _;

/// A host whose instances take up to 16 requests at once, as those of other hosts do.
async fn sharing(change: impl FnOnce(&mut FunctionOptions)) -> Host {
    let host = host(|options| {
        options.pool.min_ready = 1;
        options.pool.requests_per_instance = 64;
        options.pool.concurrent_requests_per_instance = 16;
        options.concurrent_requests = Some(16);
        (options.request_timeout, options.queue_deadline) = (PATIENCE, PATIENCE);
        change(options);
    })
    .await;
    until(&host, "ready", |status| status.ready == 1).await;
    host
}

/// A request whose body goes on until its sender is dropped.
struct Begun {
    body: Sender<Bytes>,
    answer: JoinHandle<String>,
}

impl Begun {
    fn at(host: &Host, path: &str) -> Self {
        let (body, receiver) = Channel::<Bytes>::new(1);
        let request = Request::post(format!("http://localhost{path}")).body(receiver).unwrap();
        let call = host.clone().call(request);
        let answer = tokio::spawn(async move {
            let body = call.await.unwrap().into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        });
        Self { body, answer }
    }

    async fn send(&mut self, part: &'static str) {
        self.body.send_data(Bytes::from_static(part.as_bytes())).await.unwrap();
    }

    async fn end(self) -> String {
        drop(self.body);
        self.answer.await.unwrap()
    }
}

async fn answered(host: &Host, path: &str) -> (u16, String) {
    tokio::time::timeout(PATIENCE / 2, get(host, path)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_share_an_instance_that_waits() {
    let host = sharing(|options| options.pool.max_instances = 1).await;
    let mut first = Begun::at(&host, "/wait");
    until(&host, "at work", |status| status.acquired_ready == 1).await;
    assert_eq!(answered(&host, "/count").await, (200, "1".into()));
    let second = Begun::at(&host, "/wait");
    assert_eq!(answered(&host, "/count").await, (200, "2".into()));
    first.send("body").await;
    assert_eq!(first.end().await, "3 4");
    assert_eq!(second.end().await, "4 0");
    assert_eq!(pool(&host).created, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_waits_for_an_instance_that_computes() {
    let host = sharing(|options| options.pool.max_instances = 3).await;
    let spins = ["/spin", "/spin"].map(|path| {
        let host = host.clone();
        tokio::spawn(async move { get(&host, path).await })
    });
    until(&host, "at work", |status| status.acquired_ready + status.acquired_inline == 2).await;
    assert_eq!(answered(&host, "/count").await, (200, "1".into()));
    assert_eq!(pool(&host).acquired_shared, 0);
    assert!(spins.iter().all(|spin| !spin.is_finished()));
    spins.into_iter().for_each(|spin| spin.abort());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_with_back_pressure_starts_no_other_request() {
    let host = sharing(|options| options.pool.max_instances = 2).await;
    let first = Begun::at(&host, "/refuse");
    until(&host, "at work", |status| status.acquired_ready == 1).await;
    assert_eq!(answered(&host, "/count").await, (200, "1".into()));
    assert_eq!(pool(&host).acquired_shared, 0);
    assert_eq!(first.end().await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_instance_gets_one_whose_back_pressure_ends() {
    let host = sharing(|options| options.pool.max_instances = 1).await;
    let mut first = Begun::at(&host, "/refuse");
    until(&host, "at work", |status| status.acquired_ready == 1).await;
    let second = tokio::spawn({
        let host = host.clone();
        async move { get(&host, "/count").await }
    });
    until(&host, "waited for", |status| status.waiting == 1).await;
    first.send("part").await;
    assert_eq!(tokio::time::timeout(PATIENCE / 2, second).await.unwrap().unwrap().1, "1");
    assert_eq!(first.end().await, "2");
}
