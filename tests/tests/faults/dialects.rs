//! A function that is busy, or takes too long, in the words of each interface.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use pilotlight::Host;
use pilotlight_tests::hosts::{get, host};
use pilotlight_tests::refusals::PATHS;
use tower::Service as _;

use super::limits::hold;

/// Each path is refused with this status and message; whether there is a `retry-after`.
async fn check(host: &Host, behavior: &str, (status, message): (StatusCode, &str)) {
    for (path, form) in PATHS {
        let request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/json")
            .header("x-behavior", behavior);
        let body = Full::new(Bytes::from_static(b"{}"));
        let response = host.clone().call(request.body(body).unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
        let is_busy = status == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(response.headers().contains_key("retry-after"), is_busy, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, form.body(status.as_u16(), message), "{path}");
        if !is_busy {
            // A function that does nothing but fail is slowed down.
            assert_eq!(get(host, "/count").await, (200, "1".to_owned()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_function_is_told_in_the_words_of_the_path() {
    let host = host(|options| (options.concurrent_requests, options.queue) = (Some(1), 0)).await;
    let running = hold(&host).await;
    let told = "the function is busy; try again later";
    check(&host, "/count", (StatusCode::SERVICE_UNAVAILABLE, told)).await;
    assert_eq!(running.finish().await, "1 0", "who was there first is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_takes_too_long_is_told_in_the_words_of_the_path() {
    let host = host(|options| {
        options.instance.cpu_time = Some(Duration::from_millis(20));
    })
    .await;
    let told = "the function took too long; send less at once";
    check(&host, "/spin", (StatusCode::GATEWAY_TIMEOUT, told)).await;
}
