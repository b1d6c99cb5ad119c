//! What a guest that fails costs: its own request, and nothing of anybody else's.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod clocks;
mod components;
mod crash_backoff;
mod dialects;
mod limits;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use pilotlight::{DEFAULT_FUNCTION, FailureKind, Host, VersionStatus};
use pilotlight_tests::hosts::{get, host, until};
use tower::Service as _;

fn version(host: &Host) -> VersionStatus {
    host.function(DEFAULT_FUNCTION).unwrap().current
}

fn failures(host: &Host, kind: FailureKind) -> u64 {
    version(host).failures.get(kind)
}

/// The value of a function's series that has this label.
fn metric(host: &Host, name: &str, label: &str) -> String {
    let (_, text) = host.metrics().render("");
    let of_the_function = format!("{name}{{function=");
    let mut lines = text.lines().filter(|line| line.starts_with(&of_the_function));
    let line = lines.find(|line| line.contains(label)).unwrap_or_else(|| panic!("{text}"));
    line.rsplit(' ').next().unwrap().to_owned()
}

/// How many requests are counted as having gone wrong like this.
fn counted(host: &Host, kind: &str) -> u64 {
    metric(host, "pilotlight_errors_total", &format!("kind=\"{kind}\"")).parse().unwrap()
}

async fn ask(host: &Host, path: &str) -> Response<pilotlight::Body> {
    let request = Request::get(format!("http://localhost{path}")).header("x-request-id", "mine");
    host.clone().call(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()
}

/// Asks for the number of an instance's requests all the time; how many got another answer than a
/// fresh instance gives, and how many asked.
struct Bystanders {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Vec<(u16, String)>>>,
}

impl Bystanders {
    fn of(host: &Host) -> Self {
        let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let tasks = (0..3).map(|_| {
            let (host, stop, asked) = (host.clone(), Arc::clone(&stop), Arc::clone(&asked));
            tokio::spawn(async move {
                let mut wrong = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let answer = get(&host, "/count").await;
                    asked.fetch_add(1, Ordering::Relaxed);
                    if answer != (200, "1".to_owned()) {
                        wrong.push(answer);
                    }
                }
                wrong
            })
        });
        Self { tasks: tasks.collect(), stop, asked }
    }

    /// Waits until so many more have been answered.
    async fn answered(&self, more: u64) {
        let enough = self.asked.load(Ordering::Relaxed) + more;
        while self.asked.load(Ordering::Relaxed) < enough {
            tokio::task::yield_now().await;
        }
    }

    async fn noticed(self) -> Vec<(u16, String)> {
        self.stop.store(true, Ordering::Relaxed);
        join_all(self.tasks).await.into_iter().flat_map(Result::unwrap).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_costs_its_own_request_and_is_counted_by_its_kind() {
    let faults = [
        ("/panic", 500, FailureKind::Panic, "panic"),
        ("/trap", 500, FailureKind::Trap, "trap"),
        // Rust's stack lies in the linear memory, which it leaves at its lower end; `components` has
        // one that overflows the other stack.
        ("/overflow", 500, FailureKind::Trap, "trap"),
        ("/allocate", 500, FailureKind::OutOfMemory, "out_of_memory"),
        ("/spin", 504, FailureKind::CpuTime, "cpu"),
    ];
    let host = host(|options| {
        (options.instance.memory_limit, options.instance.cpu_time) =
            (64 << 20, Some(Duration::from_millis(100)));
        options.pool.max_instances = 16;
    })
    .await;
    let bystanders = Bystanders::of(&host);
    for (path, status, kind, name) in faults {
        let before = failures(&host, kind);
        let response = ask(&host, path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["x-request-id"], "mine", "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let told = body["error"].as_str().unwrap();
        assert!(!told.contains("wasm") && !told.contains("as asked"), "{path}: {told}");
        assert_eq!(failures(&host, kind), before + 1, "{path}");
        assert_eq!(counted(&host, name), before + 1, "{path}");
        bystanders.answered(8).await;
    }
    assert_eq!(bystanders.noticed().await, []);
    until(&host, "at rest", |pool| pool.live == pool.ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_grows_from_request_to_request_ends_alone() {
    let host = host(|options| {
        (options.instance.memory_limit, options.pool.requests_per_instance) = (64 << 20, 0);
        (options.pool.min_ready, options.pool.max_instances) = (1, 1);
    })
    .await;
    let mut answers = Vec::new();
    while failures(&host, FailureKind::OutOfMemory) == 0 {
        answers.push(get(&host, "/leak").await);
        assert!(answers.len() < 64 / 8 + 1, "it has taken more than it may: {answers:?}");
        until(&host, "free", |pool| pool.ready == 1).await;
    }
    let (failed, answered) = answers.split_last().unwrap();
    assert_eq!(failed.0, 500);
    let counts: Vec<String> = answered.iter().map(|(_, count)| count.clone()).collect();
    let expected: Vec<String> = (1..=answered.len()).map(|count| count.to_string()).collect();
    assert_eq!(counts, expected, "it was one instance");
    assert_eq!(get(&host, "/leak").await, (200, "1".to_owned()), "and now it is another");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_does_not_pass_for_a_whole_one() {
    let host = host(|options| options.request_timeout = Duration::from_secs(1)).await;
    for (count, path) in [(1, "/half"), (2, "/hang")] {
        let bystanders = Bystanders::of(&host);
        let response = ask(&host, path).await;
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "one half", "{path}");
        assert!(body.frame().await.unwrap().is_err(), "{path}");
        assert_eq!(failures(&host, FailureKind::HalfResponse), count, "{path}");
        assert_eq!(counted(&host, "half_response"), count, "{path}");
        drop(body);
        assert_eq!(bystanders.noticed().await, [], "{path}");
    }
    until(&host, "at rest", |pool| pool.live == pool.ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_does_after_its_answer_ends_with_the_answer() {
    let host = host(|options| options.pool.min_ready = 1).await;
    let response = ask(&host, "/hang-after").await;
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "said it all");
    until(&host, "at rest", |pool| pool.live == pool.ready).await;
    assert_eq!(get(&host, "/count").await, (200, "1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_floods_its_log_is_answered_like_any_other() {
    let host = host(|_| {}).await;
    assert_eq!(get(&host, "/flood").await, (200, "flooded".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_takes_the_work_with_him() {
    let host =
        host(|options| (options.pool.min_ready, options.concurrent_requests) = (1, Some(1))).await;
    let asking = tokio::spawn({
        let host = host.clone();
        async move { ask(&host, "/spin").await }
    });
    until(&host, "at work", |pool| pool.acquired_ready + pool.acquired_inline == 1).await;
    asking.abort();
    assert!(asking.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(get(&host, "/count").await, (200, "1".to_owned()), "his place is free");
    assert_eq!(failures(&host, FailureKind::Disconnected), 1);
    assert_eq!(counted(&host, "disconnected"), 1);
    assert_eq!(metric(&host, "pilotlight_requests_total", "code=\"499\""), "1");
    until(&host, "at rest", |pool| pool.live == pool.ready).await;
}
