//! Failures are counted by kind and never end a run.

use std::future;
use std::time::Duration;

use pilotlight_bench::report::Errors;
use pilotlight_bench::{Arrivals, Load, Scenario};

use crate::stub::{Reply, Stub, run};

const MS: Duration = Duration::from_millis(1);

fn open(rate: f64) -> Load {
    Load::Open { rate, arrivals: Arrivals::Constant }
}

#[test]
fn statuses_are_counted_each() {
    let stub = Stub::start(|asked| async move {
        Reply::status(match asked.nth % 4 {
            0 => 200,
            1 => 404,
            2 => 500,
            _ => 503,
        })
    });
    let summary = run(&stub.scenario(open(100.0), 400 * MS)).targets[0].summary.clone();
    let expected = Errors {
        status_4xx: 10,
        status_5xx: 20,
        statuses: [(404, 10), (500, 10), (503, 10)].into(),
        ..Errors::default()
    };
    assert_eq!(summary.errors, expected);
    assert_eq!((summary.requests, summary.recorded), (40, 10));
}

#[test]
fn a_body_that_breaks_off_is_a_reset() {
    let stub = Stub::start(|asked| async move {
        if asked.nth % 2 == 0 { Reply::broken() } else { Reply::ok() }
    });
    let summary = run(&stub.scenario(open(100.0), 200 * MS)).targets[0].summary.clone();
    assert_eq!(summary.errors, Errors { reset: 10, ..Errors::default() });
    assert_eq!(summary.requests, 20);
}

#[test]
fn a_connection_that_is_refused_later_is_counted() {
    let stub = Stub::start(|asked| async move {
        asked.server.close().await;
        Reply::ok().header("connection", "close")
    });
    let load = Load::Closed { concurrency: 1 };
    let summary = run(&stub.scenario(load, 100 * MS)).targets[0].summary.clone();
    assert!(summary.errors.connect > 0, "{summary:?}");
    assert_eq!(summary.errors.total(), summary.errors.connect);
    assert_eq!(summary.requests - summary.errors.connect, 1);
}

#[test]
fn a_server_that_never_answers_is_a_timeout_and_a_latency() {
    let stub = Stub::start(|_| future::pending::<Reply>());
    for load in [open(100.0), Load::Closed { concurrency: 2 }] {
        let scenario = Scenario { timeout: 150 * MS, ..stub.scenario(load, 100 * MS) };
        let summary = run(&scenario).targets[0].summary.clone();
        let expected = if matches!(load, Load::Open { .. }) { 10 } else { 2 };
        assert_eq!(summary.errors, Errors { timeout: expected, ..Errors::default() });
        assert_eq!(summary.recorded, expected);
        assert!(summary.p50_ms >= 149.0, "{summary:?}");
        assert_eq!(summary.requests_per_second, 0.0);
    }
}

#[test]
fn what_is_not_http_is_a_protocol_error() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut question = [0; 1024];
            if stream.read(&mut question).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n");
                let _ = stream.read(&mut question);
            }
        }
    });
    let scenario = Scenario {
        load: open(50.0),
        duration: 100 * MS,
        warm_up: Duration::ZERO,
        ..Scenario::new(vec![url.parse().unwrap()])
    };
    let summary = run(&scenario).targets[0].summary.clone();
    assert_eq!(summary.errors, Errors { protocol: 5, ..Errors::default() });
}
