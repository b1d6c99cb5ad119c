use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::request::RequestContext;
use crate::telemetry::Telemetry;

/// A body of unknown length that consists of `parts`.
fn body_of(parts: &[&'static str]) -> Body {
    let (sender, receiver) = mpsc::channel(parts.len());
    for part in parts {
        sender.try_send(Bytes::from_static(part.as_bytes())).unwrap();
    }
    Body::received(receiver)
}

/// Polls the next `count` frames; the end of the body counts as one.
async fn read(body: &mut Body, count: usize) {
    for _ in 0..count {
        let _ = body.frame().await;
    }
}

/// The copy of "one" and "two" after `count` frames; the body still exists.
async fn copied(limit: usize, length: Option<u64>, count: usize) -> Result<Bytes, TryRecvError> {
    let (to, mut copy) = oneshot::channel();
    let mut body = body_of(&["one", "two"]).copied_to(to, limit, length);
    read(&mut body, count).await;
    copy.try_recv()
}

#[tokio::test]
async fn a_copy_is_sent_at_the_end_or_after_the_length_of_the_content() {
    let whole = Bytes::from_static(b"onetwo");
    assert_eq!(copied(6, None, 2).await, Err(TryRecvError::Empty));
    assert_eq!(copied(6, None, 3).await, Ok(whole.clone()));
    assert_eq!(copied(6, Some(6), 1).await, Err(TryRecvError::Empty));
    assert_eq!(copied(6, Some(6), 2).await, Ok(whole));
}

#[tokio::test]
async fn no_copy_is_sent_of_longer_content() {
    assert_eq!(copied(5, None, 3).await, Err(TryRecvError::Closed));
    assert_eq!(copied(5, Some(6), 2).await, Err(TryRecvError::Closed));
}

#[test]
fn a_copy_of_no_content_is_sent_at_once() {
    let (to, mut copy) = oneshot::channel();
    let _body = Body::default().copied_to(to, 0, None);
    assert_eq!(copy.try_recv(), Ok(Bytes::new()));
}

/// What `when_over` is told (whether the content is complete), and the errors that are counted, if a client
/// polls `count` frames of `body` and drops it.
async fn ended(body: Body, length: Option<u64>, count: usize) -> (Vec<bool>, Vec<String>) {
    let telemetry = Telemetry::default();
    let (head, ()) = Request::new(()).into_parts();
    let request = RequestContext::begin(&telemetry, &head);
    let mut headers = HeaderMap::new();
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    request.context().answered(StatusCode::OK, &headers);
    let (tell, told) = std::sync::mpsc::channel();
    let mut body = body.when_over(move |end| tell.send(end.is_ok()).unwrap()).ending(request);
    read(&mut body, count).await;
    drop(body);
    let (_, metrics) = telemetry.metrics().render("");
    let requests = "pilotlight_requests_total{code=\"200\"} 1";
    assert!(metrics.lines().any(|line| line == requests), "{requests} is not in {metrics}");
    let counted = |line: &str| {
        let (series, count) =
            line.strip_prefix("pilotlight_errors_total{kind=\"")?.split_once(' ')?;
        (count != "0").then(|| series.trim_end_matches("\"}").to_owned())
    };
    (told.try_iter().collect(), metrics.lines().filter_map(counted).collect())
}

#[tokio::test]
async fn a_body_that_is_read_to_its_end_is_complete() {
    assert_eq!(ended(body_of(&["one"]), None, 2).await, (vec![true], vec![]));
}

#[tokio::test]
async fn a_body_whose_length_has_been_read_is_complete() {
    assert_eq!(ended(body_of(&["one"]), Some(3), 1).await, (vec![true], vec![]));
    assert_eq!(ended(body_of(&["one"]), Some(0), 0).await, (vec![true], vec![]));
}

#[tokio::test]
async fn a_body_that_is_dropped_before_its_end_is_a_disconnected_client() {
    let disconnected = (vec![], vec!["disconnected".to_owned()]);
    assert_eq!(ended(body_of(&["one", "two"]), None, 1).await, disconnected);
    assert_eq!(ended(body_of(&["one", "two"]), Some(6), 1).await, disconnected);
}

#[cfg(feature = "grpc")]
#[tokio::test]
async fn a_body_that_breaks_off_is_half_a_response() {
    let part = Ok(Frame::data(Bytes::from_static(b"one")));
    let broken = Err(tonic::Status::internal("broken"));
    let stream = http_body_util::StreamBody::new(futures::stream::iter([part, broken]));
    let body = Body::grpc(tonic::body::Body::new(stream));
    let half_response = (vec![false], vec!["half_response".to_owned()]);
    assert_eq!(ended(body, None, 2).await, half_response);
}
