//! Who is told what by the administration.

use std::fs;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use pilotlight::{Admin, AdminToken, Error, Readiness};
use tower::Service as _;

const TOKEN: &str = "correct-horse-battery-staple-0123";

/// Has `/functions/NAME` changed by anybody who gets so far.
fn admin() -> Admin {
    let unused = |_: &str, _: &std::path::Path| Err(Error::Options("not in this test".to_owned()));
    Admin::new(Readiness::default()).with_swaps(unused)
}

fn token() -> AdminToken {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    AdminToken::read_file(file.path()).unwrap()
}

/// The status, and the error if there is one.
async fn ask(admin: &Admin, method: Method, path: &str, says: Option<&str>) -> (u16, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let request =
        says.into_iter().fold(request, |request, says| request.header(header::AUTHORIZATION, says));
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let (head, body) = admin.clone().call(request).await.unwrap().into_parts();
    let challenged = head.headers.contains_key(header::WWW_AUTHENTICATE);
    assert_eq!(challenged, head.status == 401);
    let body = body.collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    (head.status.as_u16(), body["error_type"].as_str().unwrap_or_default().to_owned())
}

const GUARDED: [(Method, &str); 7] = [
    (Method::GET, "/metrics"),
    (Method::GET, "/status"),
    (Method::GET, "/routes"),
    (Method::GET, "/functions"),
    (Method::PUT, "/functions/default"),
    (Method::POST, "/functions/default/rollback"),
    (Method::GET, "/no-such-thing"),
];

#[tokio::test]
async fn with_a_token_only_probes_are_answered_to_those_who_do_not_know_it() {
    let admin = admin().with_token(token());
    let wrong = format!("Bearer {TOKEN}x");
    for says in [None, Some("Bearer"), Some("Basic Zm9v"), Some(wrong.as_str())] {
        for (method, path) in GUARDED {
            let answer = ask(&admin, method, path, says).await;
            assert_eq!(answer, (401, "unauthorized".to_owned()), "{path}");
        }
        assert_eq!(ask(&admin, Method::GET, "/health", says).await.0, 200);
        assert_eq!(ask(&admin, Method::GET, "/ready", says).await.0, 503);
        assert_eq!(ask(&admin, Method::GET, "/metrics/load", says).await.0, 503);
    }
    let right = format!("Bearer {TOKEN}");
    for (method, path) in GUARDED {
        let (status, _) = ask(&admin, method, path, Some(&right)).await;
        assert!(![401, 403].contains(&status), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_listener_for_every_user_of_the_machine_answers_probes_and_metrics_only() {
    let admin = admin().probes_and_metrics_only("ask elsewhere");
    let right = format!("Bearer {TOKEN}");
    for (method, path) in GUARDED.into_iter().filter(|(_, path)| *path != "/metrics") {
        let answer = ask(&admin, method, path, Some(&right)).await;
        assert_eq!(answer, (403, "forbidden".to_owned()), "{path}");
    }
    // There is no host yet, so that it is not ready and has no metrics.
    let shown = [("/health", 200), ("/ready", 503), ("/metrics", 503), ("/metrics/load", 503)];
    for (path, status) in shown {
        assert_eq!(ask(&admin, Method::GET, path, None).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn without_a_token_a_listener_that_is_not_local_answers_probes_only() {
    let admin = admin().probes_only("ask elsewhere");
    let right = format!("Bearer {TOKEN}");
    for (method, path) in GUARDED {
        let answer = ask(&admin, method, path, Some(&right)).await;
        assert_eq!(answer, (403, "forbidden".to_owned()), "{path}");
    }
    assert_eq!(ask(&admin, Method::GET, "/health", None).await.0, 200);
    assert_eq!(ask(&admin, Method::GET, "/ready", None).await.0, 503);
    assert_eq!(ask(&admin, Method::GET, "/metrics/load", None).await.0, 503);
}
