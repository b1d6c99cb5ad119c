//! Bodies that break off while a function reads them: the host tells why, whatever the function makes
//! of them.

use std::io::Write as _;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use pilotlight::{Host, ServerLimits};
use pilotlight_tests::hosts;

use crate::clients::{Answer, connect};
use crate::serving::{PATIENCE, SHORT, Serving, limits};

/// This function answers 200 to what it got of the body.
const HEAD: &str = "POST /v1/redact HTTP/1.1\r\nhost: localhost\r\nx-request-id: mine\r\n";

fn streaming(change: impl FnOnce(&mut ServerLimits)) -> ServerLimits {
    limits(|limits| {
        limits.stream_bodies = true;
        change(limits);
    })
}

async fn serving(limits: ServerLimits) -> (Host, Serving) {
    let host = hosts::host(|_| {}).await;
    (host.clone(), Serving::plain(host.service(&limits, None).unwrap(), limits).await)
}

async fn send(serving: &Serving, rest: impl AsRef<[u8]>) -> Answer {
    let mut client = connect(serving.address).await;
    client.send([HEAD.as_bytes(), rest.as_ref()].concat()).await;
    client.answer().await
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn encoded(body: &[u8]) -> Vec<u8> {
    let fields = format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    [fields.as_bytes(), body].concat()
}

fn chunked(length: usize) -> String {
    format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n", "x".repeat(length))
}

fn refused(answer: &Answer, (status, error_type): (u16, &str), reason: &str) {
    assert_eq!((answer.status, answer.error_type().as_str()), (status, error_type));
    assert!(answer.body.contains(reason), "{}", answer.body);
    assert!(answer.head.contains("x-request-id: mine"), "{}", answer.head);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
}

/// A request is counted when its answer has left, which may be after it was read.
#[track_caller]
fn counted(host: &Host, kind: &str, count: usize) {
    let (start, kind) = (Instant::now(), format!("kind=\"{kind}\"}}"));
    let errors = || {
        let (_, text) = host.metrics().render("");
        let errors = text.lines().filter(|line| line.starts_with("pilotlight_errors_total{"));
        let of_kind = errors.filter_map(|line| line.split_once(&kind));
        of_kind.map(|(_, count)| count.trim().parse::<f64>().unwrap()).sum::<f64>()
    };
    while errors() < count as f64 {
        assert!(start.elapsed() < PATIENCE, "{kind} is {}", errors());
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_that_is_too_long_is_413() {
    let (host, serving) = serving(streaming(|limits| limits.max_body_bytes = 1000)).await;
    let too_large = (413, "payload_too_large");
    refused(&send(&serving, chunked(1001)).await, too_large, "exceeds 1000 bytes");
    let bomb = encoded(&gzip(&vec![b'x'; 100_000]));
    refused(&send(&serving, bomb).await, too_large, "exceeds 1000 bytes");
    counted(&host, "too_large", 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_that_is_longer_than_the_function_takes_is_413() {
    let host = hosts::host(|options| options.body_limit = 10).await;
    // Without limits of a server, only the function says how long a body may be.
    let serving = Serving::plain(host.clone(), streaming(|_| {})).await;
    let answer = send(&serving, chunked(11)).await;
    refused(&answer, (413, "payload_too_large"), "exceeds 10 bytes");
    counted(&host, "too_large", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_that_stops_coming_is_408() {
    let (host, serving) = serving(streaming(|limits| limits.body_timeout = SHORT)).await;
    let answer = send(&serving, "content-length: 100\r\n\r\n").await;
    refused(&answer, (408, "timeout"), "too slowly");
    counted(&host, "timeout", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_that_breaks_off_is_400() {
    let (host, serving) = serving(streaming(|_| {})).await;
    let malformed = (400, "malformed");
    refused(&send(&serving, encoded(b"no gzip")).await, malformed, "not valid gzip");
    let broken = "transfer-encoding: chunked\r\n\r\n4\r\nhell\r\nno length";
    refused(&send(&serving, broken).await, malformed, "not received completely");
    counted(&host, "malformed", 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_that_is_whole_is_answered_by_the_function() {
    let (_, serving) = serving(streaming(|limits| limits.max_body_bytes = 1000)).await;
    for whole in [chunked(1000) + "0\r\n\r\n", "content-length: 2\r\n\r\nhi".to_owned()] {
        assert_eq!(send(&serving, whole).await.status, 200);
    }
}
