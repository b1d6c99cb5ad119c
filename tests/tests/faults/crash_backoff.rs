//! A function that does nothing but fail, and those who ask it all the same.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Channel, Full};
use pilotlight::{Body, FailureKind, Host};
use pilotlight_tests::hosts::{PATIENCE, get, host};
use tower::Service as _;

use super::{ask, failures, limits, version};

/// So many failures in a row are no accident.
const TOLERATED: usize = 16;

async fn fail(host: &Host, path: &str) {
    for _ in 0..TOLERATED {
        assert!(!version(host).in_crash_backoff);
        // It may break off within its body.
        let _ = ask(host, path).await.into_body().collect().await;
    }
    assert!(version(host).in_crash_backoff);
}

/// Asks for something that waits for a body, which does not come.
async fn wait_in_vain(host: &Host) -> Response<Body> {
    let (_sender, body) = Channel::<Bytes>::new(1);
    let request = Request::post("http://localhost/wait").body(body).unwrap();
    host.clone().call(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_only_fails_is_slowed_down_until_it_answers() {
    let host = host(|options| options.queue_deadline = PATIENCE).await;
    fail(&host, "/panic").await;
    // Slowed down, not refused.
    let answers = join_all([get(&host, "/panic"), get(&host, "/count"), get(&host, "/count")]);
    let statuses: Vec<u16> = answers.await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [500, 200, 200]);
    assert!(!version(&host).in_crash_backoff);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_no_answer() {
    let host = host(|_| {}).await;
    fail(&host, "/half").await;
    assert_eq!(get(&host, "/count").await, (200, "1".to_owned()));
    assert!(!version(&host).in_crash_backoff);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_rest_nobody_asks_for_is_one() {
    let mut host = host(|_| {}).await;
    fail(&host, "/panic").await;
    let request = Request::head("http://localhost/count").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(host.call(request).await.unwrap().status(), 200);
    assert!(!version(&host).in_crash_backoff);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_for_his_turn_is_told_to_come_again() {
    let host = host(|options| options.queue_deadline = Duration::from_millis(20)).await;
    fail(&host, "/panic").await;
    let running = limits::hold(&host).await;
    let requests = version(&host).requests;
    assert_eq!((requests.running, requests.waiting), (1, 0));
    let refused = ask(&host, "/count").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(failures(&host, FailureKind::QueueDeadline), 1);
    assert_eq!(running.finish().await, "1 0");
    assert!(!version(&host).in_crash_backoff);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_spins_to_its_deadline_fails() {
    let host = host(|options| options.request_timeout = Duration::from_millis(100)).await;
    for _ in 0..4 * TOLERATED {
        if version(&host).in_crash_backoff {
            break;
        }
        assert_eq!(get(&host, "/spin").await.0, 504);
    }
    assert!(version(&host).in_crash_backoff);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_waits_to_its_deadline_does_not_fail() {
    let host = host(|options| options.request_timeout = Duration::from_secs(1)).await;
    let answers = join_all((0..2 * TOLERATED).map(|_| wait_in_vain(&host))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(statuses, [504; 2 * TOLERATED]);
    assert!(!version(&host).in_crash_backoff);
}
