//! What is recorded is what the server did.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pilotlight_bench::{
    Arrivals, Load, Protocol, RequestTemplate, Scenario, Verb, measure, read_corpus,
};
use tokio::sync::Barrier;
use tokio::time::{sleep, sleep_until};

use crate::stub::{Reply, Stub, at_least, run};

const MS: Duration = Duration::from_millis(1);

fn open(rate: f64) -> Load {
    Load::Open { rate, arrivals: Arrivals::Constant }
}

fn closed(concurrency: usize) -> Load {
    Load::Closed { concurrency }
}

#[test]
fn injected_delays_are_recorded() {
    // Nine answers after 2 ms, every tenth after 200 ms.
    let slow = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&slow);
    let stub = Stub::start(move |asked| {
        let counted = Arc::clone(&counted);
        async move {
            let late = asked.nth % 10 == 9;
            counted.fetch_add(u64::from(late), Ordering::SeqCst);
            sleep(if late { 200 * MS } else { 2 * MS }).await;
            Reply::ok()
        }
    });
    let report = run(&stub.scenario(closed(1), 1000 * MS));
    let summary = &report.targets[0].summary;
    assert_eq!(summary.requests, stub.state.requests());
    assert_eq!(summary.recorded, summary.requests);
    assert!(summary.p50_ms >= 2.0 && summary.p50_ms < 100.0, "{summary:?}");
    assert!(summary.p99_ms >= 200.0 && summary.max_ms < 2000.0, "{summary:?}");
    assert_eq!(at_least(&report, 199.0), slow.load(Ordering::SeqCst));
}

#[test]
fn a_stall_shows_as_latency_and_not_as_fewer_samples() {
    // Requests that come within 300 ms of the first one after half a second are all held to its
    // end.
    let begin = Arc::new(OnceLock::new());
    let stub = Stub::start(move |_| {
        let begun = *begin.get_or_init(Instant::now);
        async move {
            let (from, to) = (begun + 500 * MS, begun + 800 * MS);
            if (from..to).contains(&Instant::now()) {
                sleep_until(to.into()).await;
            }
            Reply::ok()
        }
    });
    let report = run(&stub.scenario(open(100.0), 1500 * MS));
    let summary = &report.targets[0].summary;
    assert_eq!((summary.requests, summary.recorded), (150, 150));
    assert!(summary.max_ms >= 280.0, "{summary:?}");
    // Due every 10 ms, each waits 10 ms less than the one before: 20 wait longer than 100 ms, 10
    // longer than 200 ms.
    let (over_100, over_200) = (at_least(&report, 100.0), at_least(&report, 200.0));
    assert!(over_100 >= 15 && over_200 >= 6, "{over_100} and {over_200}");
    assert!(over_100 >= over_200 + 5, "{over_100} and {over_200}");
}

#[test]
fn an_open_loop_goes_on_sending_while_answers_are_held_back() {
    const HELD: u64 = 20;
    // The first answers are given when as many requests have come.
    let barrier = Arc::new(Barrier::new(HELD as usize));
    let stub = Stub::start(move |asked| {
        let barrier = Arc::clone(&barrier);
        async move {
            if asked.nth < HELD {
                barrier.wait().await;
            }
            Reply::ok()
        }
    });
    let report = run(&stub.scenario(open(200.0), 300 * MS));
    let summary = &report.targets[0].summary;
    assert_eq!((summary.requests, summary.errors.total()), (60, 0));
    assert!(stub.state.most_in_flight() >= HELD as usize);
}

#[test]
fn a_closed_loop_has_no_more_in_flight_than_workers() {
    let stub = Stub::start(|_| async {
        sleep(MS).await;
        Reply::ok()
    });
    let report = run(&stub.scenario(closed(4), 200 * MS));
    assert_eq!(report.targets[0].summary.errors.total(), 0);
    assert_eq!(stub.state.most_in_flight(), 4);
    // One more looked whether anybody listens.
    assert!(stub.state.connections() <= 5);
}

#[test]
fn poisson_arrivals_are_all_sent() {
    let load = Load::Open { rate: 300.0, arrivals: Arrivals::Poisson };
    let stub = Stub::start(|_| async { Reply::ok() });
    let report = run(&stub.scenario(load, 500 * MS));
    let length = 500 * MS;
    let expected = Arrivals::Poisson.schedule(300.0, 1).take_while(|at| *at < length).count();
    assert_eq!(report.targets[0].summary.requests, expected as u64);
    assert!(report.targets[0].pacing.is_some());
}

#[test]
fn warm_up_is_sent_but_not_recorded() {
    let stub = Stub::start(|_| async { Reply::ok() });
    let scenario = Scenario { warm_up: 200 * MS, ..stub.scenario(open(100.0), 300 * MS) };
    let report = run(&scenario);
    assert_eq!(report.targets[0].summary.requests, 30);
    assert_eq!(stub.state.requests(), 50);
}

#[test]
fn http2_shares_connections() {
    let stub = Stub::start_with(Protocol::Http2, |_| async {
        sleep(5 * MS).await;
        Reply::ok()
    });
    for load in [open(400.0), closed(8)] {
        let scenario = Scenario { protocol: Protocol::Http2, ..stub.scenario(load, 300 * MS) };
        let summary = run(&scenario).targets[0].summary.clone();
        assert!(summary.errors.total() == 0 && summary.recorded > 20, "{summary:?}");
    }
    // For each scenario one that looked whether anybody listens, and one that carried all.
    assert_eq!(stub.state.connections(), 4);
}

#[test]
fn the_corpus_is_sent_in_order_and_again_from_the_beginning() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n").unwrap();
    let seen: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let stub = Stub::start(move |asked| {
        assert_eq!(asked.method, "POST");
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(asked.headers["x-kind"], "test");
        kept.lock().unwrap().push(asked.body);
        async { Reply::ok() }
    });
    let mut request = RequestTemplate {
        bodies: read_corpus(file.path(), Some("text")).unwrap(),
        ..Default::default()
    };
    request.headers.insert("x-kind", "test".parse().unwrap());
    let scenario = Scenario { request, rounds: 2, ..stub.scenario(closed(1), 100 * MS) };
    assert_eq!(run(&scenario).targets[0].summary.errors.total(), 0);
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 3);
    for (body, text) in seen.iter().zip(["a", "b", "c"].iter().cycle()) {
        assert_eq!(body, &format!("{{\"inputs\":\"{text}\"}}"));
    }
}

#[test]
fn cold_reads_the_parts_and_keeps_a_series() {
    let stub = Stub::start(|asked| async move {
        let source = if asked.nth % 2 == 0 { "ready" } else { "inline" };
        let timing = format!("instantiate;dur=0.5, wait;dur=2;desc=\"{source}\", guest;dur=1");
        Reply::ok().header("server-timing", &timing)
    });
    let scenario = stub.scenario(open(50.0), 1200 * MS);
    let report = run(&Scenario { verb: Verb::Cold, rounds: 3, ..scenario });
    let target = &report.targets[0];
    let parts = target.parts.as_ref().unwrap();
    assert_eq!((parts.answers, parts.ready, parts.inline), (60, 30, 30));
    let wait = parts.wait.as_ref().unwrap();
    assert!((wait.median_ms - 2.0).abs() < 0.01 && (wait.p99_ms - 2.0).abs() < 0.01);
    let seconds: Vec<_> = target.series.iter().map(|at| (at.second, at.requests)).collect();
    assert_eq!(seconds, [(0, 50), (1, 10)]);
}

#[test]
fn a_target_that_nobody_serves_is_named() {
    let stub = Stub::start(|_| async { Reply::ok() });
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut scenario = stub.scenario(closed(1), 10 * MS);
    scenario.targets.push(format!("gone=http://{free}/").parse().unwrap());
    let message = measure(&scenario, &|_| ()).unwrap_err().to_string();
    assert!(message.contains("target gone") && message.contains("start the server"), "{message}");
}
