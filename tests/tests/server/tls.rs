//! TLS.

use pilotlight_testing::certificates::{Certificate, Files, client, connect, of_versions};
use pilotlight_tests::hosts::open_tls;
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::clients::{Http2, Raw, connect as connect_plainly};
use crate::serving::{Function, PATIENCE, SHORT, Serving, limits};

async fn serving(
    certificate: &Certificate,
    limits: pilotlight::ServerLimits,
) -> (Function, Serving) {
    let function = Function::default();
    let tls = open_tls(&Files::of(certificate)).unwrap();
    let serving = Serving::with(&function, limits, Some(tls), PATIENCE).await;
    (function, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_is_what_both_sides_speak() {
    let certificate = Certificate::new();
    let (_, serving) = serving(&certificate, limits(|_| {})).await;
    for offered in [&["http/1.1"][..], &[]] {
        let stream = connect(serving.address, client(&certificate, offered)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), offered.first().map(|name| name.as_bytes()));
        assert_eq!(Raw(stream).get("/").await.status, 200);
    }
    let both = client(&certificate, &["h2", "http/1.1"]);
    let stream = connect(serving.address, both).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(Http2::over(stream).await.get("/").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_1_2_and_1_3_are_spoken() {
    let certificate = Certificate::new();
    let (_, serving) = serving(&certificate, limits(|_| {})).await;
    for (version, spoken) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let offered = of_versions(&certificate, &[], &[version]);
        let stream = connect(serving.address, offered).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        assert_eq!(Raw(stream).get("/").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_go_on_holds_up_nobody_and_is_given_up() {
    let certificate = Certificate::new();
    let short = limits(|limits| limits.handshake_timeout = SHORT);
    let (_, serving) = serving(&certificate, short).await;
    let mut silent = connect_plainly(serving.address).await;
    let mut torn = connect_plainly(serving.address).await;
    torn.send([0x16, 0x03, 0x01, 0x00]).await;
    let stream = connect(serving.address, client(&certificate, &[])).await.unwrap();
    assert_eq!(Raw(stream).get("/").await.status, 200);
    silent.closed().await;
    torn.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_speak_no_tls_are_answered_nothing() {
    let certificate = Certificate::new();
    let (function, serving) = serving(&certificate, limits(|_| {})).await;
    let mut plain = connect_plainly(serving.address).await;
    plain.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(!String::from_utf8_lossy(&plain.closed().await).contains("HTTP"));
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_with_tls_as_without() {
    let certificate = Certificate::new();
    let short = limits(|limits| {
        (limits.header_timeout, limits.body_timeout, limits.max_body_bytes) = (SHORT, SHORT, 1000);
    });
    let (function, serving) = serving(&certificate, short).await;
    let connected =
        async || Raw(connect(serving.address, client(&certificate, &[])).await.unwrap());
    let mut silent = connected().await;
    assert!(silent.closed().await.is_empty());
    let mut slow = connected().await;
    slow.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n").await;
    assert_eq!(slow.answer().await.status, 408);
    let mut long = connected().await;
    long.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1001\r\n\r\n").await;
    assert_eq!(long.answer().await.status, 413);
    assert_eq!(function.calls(), 0);
}
