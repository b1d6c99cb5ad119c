//! Heads of requests: slow ones, long ones, endless ones.

use http::Method;
use pilotlight::Server;
use pilotlight_tests::hosts;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::clients::{Http2, Raw, connect, read, request};
use crate::serving::{Function, PATIENCE, SHORT, Serving, limits};

/// What a client of HTTP/2 begins with: the preface, and settings of its own: none.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

async fn serving() -> (Function, Serving) {
    let function = Function::default();
    let limits = limits(|limits| limits.header_timeout = SHORT);
    let serving = Serving::start(&function, limits).await;
    (function, serving)
}

async fn answers(serving: &Serving) {
    assert_eq!(connect(serving.address).await.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let (function, serving) = serving().await;
    assert!(connect(serving.address).await.closed().await.is_empty());
    assert_eq!(function.calls(), 0);
    answers(&serving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_breaks_off_closes_the_connection() {
    let (function, serving) = serving().await;
    for begin in ["G", "GET / HTTP/1.1\r\nhost: local", "PRI * HTTP/2.0\r\n\r\n"] {
        let mut client = connect(serving.address).await;
        client.send(begin).await;
        assert!(client.closed().await.is_empty(), "{begin}");
    }
    assert_eq!(function.calls(), 0);
    answers(&serving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_drips_is_not_waited_for_any_longer() {
    let (function, serving) = serving().await;
    let stream = tokio::net::TcpStream::connect(serving.address).await.unwrap();
    let (receive, mut send) = tokio::io::split(stream);
    send.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.unwrap();
    let dripping = tokio::spawn(async move {
        while send.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut client = Raw(tokio::io::join(receive, tokio::io::sink()));
    assert!(client.closed().await.is_empty());
    tokio::time::timeout(PATIENCE, dripping).await.unwrap().unwrap();
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_head_on_a_connection_has_no_more_time_than_the_first() {
    let (function, serving) = serving().await;
    let mut client = connect(serving.address).await;
    assert_eq!(client.get("/").await.status, 200);
    client.send("GET / HT").await;
    assert!(client.closed().await.is_empty());
    assert_eq!(function.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_in_pieces() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|_| {})).await;
    let mut client = connect(serving.address).await;
    client.0.set_nodelay(true).unwrap();
    for byte in *b"PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nab" {
        client.send([byte]).await;
    }
    assert_eq!(client.answer().await.body, "2 bytes");
    let mut client = connect(serving.address).await;
    client.0.set_nodelay(true).unwrap();
    // GET, http, /.
    for byte in [HELLO, &frame(0x1, 0x5, &[0x82, 0x86, 0x84])].concat() {
        client.send([byte]).await;
    }
    client.answered().await;
    assert_eq!(function.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_too_long_are_431() {
    let function = Function::default();
    let small = limits(|limits| (limits.max_header_bytes, limits.max_headers) = (8 << 10, 20));
    let serving = Serving::start(&function, small).await;
    let long = format!("x-long: {}\r\n", "x".repeat(9 << 10));
    let many: String = (0..30).map(|number| format!("x-{number}: y\r\n")).collect();
    for fields in [long, many] {
        let mut client = connect(serving.address).await;
        client.send(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n")).await;
        assert_eq!(client.answer().await.status, 431);
    }
    assert_eq!(function.calls(), 0);
    answers(&serving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_http_2_that_are_too_long_are_431_and_the_connection_goes_on() {
    let function = Function::default();
    let small = limits(|limits| (limits.max_header_bytes, limits.max_headers) = (8 << 10, 20));
    let serving = Serving::start(&function, small).await;
    let mut client = Http2::connect(serving.address).await;
    assert_eq!(client.get("/").await.unwrap().0, 200);
    let many = (0..30).fold(request(Method::GET, "/"), |request, number| {
        request.header(format!("x-{number}"), "y")
    });
    let (response, _) = client.begin(many, true).await.unwrap();
    let (status, body) = read(response).await.unwrap();
    assert!(status == 431 && body.contains("headers_too_large"), "{status} {body}");
    let long = request(Method::GET, "/").header("x-long", "x".repeat(9 << 10));
    let (response, _) = client.begin(long, true).await.unwrap();
    assert_eq!(read(response).await.unwrap().0, 431);
    assert_eq!(client.get("/").await.unwrap().0, 200);
    assert_eq!(function.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_grow_when_they_are_unpacked_are_refused() {
    let function = Function::default();
    let small = limits(|limits| limits.max_header_bytes = 8 << 10);
    let serving = Serving::start(&function, small).await;
    let mut client = connect(serving.address).await;
    client.send(HELLO).await;
    // GET, http, /, then a field of 4000 bytes that goes into the table, and is referred to a
    // thousand times, in a byte each (RFC 7541, 6.1 and 6.2.1).
    let mut block = vec![0x82, 0x86, 0x84, 0x40, 0x01, b'x', 0x7f, 0xa1, 0x1e];
    block.extend([b'y'; 127 + 0x21 + (0x1e << 7)]);
    block.extend([0xbe; 1000]);
    client.send(frame(0x1, 0x5, &block)).await;
    client.answered().await;
    assert_eq!(function.calls(), 0);
    answers(&serving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_in_endless_pieces_closes_the_connection() {
    let (function, serving) = serving().await;
    let mut client = connect(serving.address).await;
    client.send(HELLO).await;
    client.send(frame(0x1, 0x1, &[0x82, 0x86, 0x84])).await;
    let piece = frame(0x9, 0, &[b"\0\x01a\x01b".as_slice(); 100].concat());
    // The server may go at any time.
    while client.0.write_all(&piece).await.is_ok() {}
    client.closed().await;
    assert_eq!(function.calls(), 0);
    answers(&serving).await;
}

/// A frame on the first stream (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags, 0, 0, 0, 1]].concat();
    [&head, payload].concat()
}

impl Raw<tokio::net::TcpStream> {
    /// Waits until the first stream is answered or reset, or the connection closed.
    async fn answered(&mut self) {
        use tokio::io::AsyncReadExt as _;
        const ANSWERED_OR_RESET: [u8; 2] = [0x1, 0x3];
        let mut head = [0; 9];
        while timeout(PATIENCE, self.0.read_exact(&mut head)).await.unwrap().is_ok() {
            if head[8] == 1 && ANSWERED_OR_RESET.contains(&head[3]) {
                return;
            }
            let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
            let _ = self.0.read_exact(&mut payload).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_heads_are_named_and_counted() {
    let host = hosts::host(|_| {}).await;
    let limits = limits(|limits| {
        limits.max_headers = 20;
        limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    });
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let server =
        server.with_limits(limits.clone()).unwrap().with_telemetry(host.telemetry().clone());
    let serving = Serving::run(server, host.service(&limits, None).unwrap(), PATIENCE);
    for fields in [
        "x-request-id: mine\r\nhost: a b\r\n",
        "x-request-id: mine\r\nhost: a\r\nx-forwarded-for: somebody\r\n",
        "x-request-id: mine\r\nhost: a\r\nforwarded: for=\"1\r\n",
    ] {
        let mut client = connect(serving.address).await;
        client.send(format!("GET /count HTTP/1.1\r\n{fields}\r\n")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.error_type().as_str()), (400, "malformed"), "{fields}");
        assert!(answer.head.contains("x-request-id: mine"), "{}", answer.head);
    }
    let many = (0..20).fold(request(Method::GET, "/count"), |request, number| {
        request.header(format!("x-{number}"), "y")
    });
    let mut client = Http2::connect(serving.address).await;
    let (answer, _) = client.begin(many.header("x-request-id", "mine"), true).await.unwrap();
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.status().as_u16(), 431);
    assert_eq!(answer.headers()["x-request-id"], "mine");
    let (_, text) = host.metrics().render("");
    for (series, count) in [
        ("pilotlight_requests_total{code=\"431\"}", 1.0),
        ("pilotlight_requests_total{code=\"400\"}", 3.0),
        ("pilotlight_errors_total{kind=\"too_large\"}", 1.0),
        ("pilotlight_errors_total{kind=\"malformed\"}", 3.0),
    ] {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let counted = line.map(|count| count.trim().parse::<f64>().unwrap());
        assert_eq!(counted, Some(count), "{series}: {text}");
    }
}
