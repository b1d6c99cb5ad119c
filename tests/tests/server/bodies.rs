//! Bodies of requests: no function is called before they are there.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use pilotlight::{RequestBodies, RequestBody};
use pilotlight_tests::hosts;
use tower::Layer as _;

use crate::clients::{Http2, connect, connect_as, read, request};
use crate::serving::{Function, SHORT, Serving, limits};

const HEAD: &str = "POST / HTTP/1.1\r\nhost: localhost\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_it_is_too_long_is_refused_before_it_is_sent() {
    let function = Function::default();
    let limits = limits(|limits| limits.max_body_bytes = 1000);
    let serving = Serving::start(&function, limits).await;
    let mut client = connect(serving.address).await;
    let fields = "x-request-id: mine\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n";
    client.send(format!("{HEAD}{fields}")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.error_type().as_str()), (413, "payload_too_large"));
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert!(answer.head.contains("x-request-id: mine"), "{}", answer.head);
    assert!(client.closed().await.is_empty());
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_too_much_all_the_same_gets_to_read_why() {
    let function = Function::default();
    let limits = limits(|limits| limits.max_body_bytes = 1000);
    let serving = Serving::start(&function, limits).await;
    let mut client = connect(serving.address).await;
    let much = 20 << 20;
    client.send(format!("{HEAD}content-length: {much}\r\n\r\n")).await;
    client.send(vec![b'x'; much]).await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_is_refused_once_it_is_too_long() {
    let function = Function::default();
    let limits = limits(|limits| limits.max_body_bytes = 1000);
    let serving = Serving::start(&function, limits).await;
    let mut client = connect(serving.address).await;
    client.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n")).await;
    client.send(format!("3e8\r\n{}\r\n", "x".repeat(1000))).await;
    client.send("1\r\nx\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.error_type().as_str()), (413, "payload_too_large"));
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_find_no_memory_are_refused_at_once() {
    let function = Function::default();
    let limits = limits(|limits| (limits.body_memory, limits.max_body_bytes) = (1000, 1000));
    let serving = Serving::start(&function, limits).await;
    let mut holding = connect(serving.address).await;
    let body = "x".repeat(600);
    let head = HEAD.replace("POST /", "POST /held");
    holding.send(format!("{head}content-length: 600\r\n\r\n{body}")).await;
    function.begun().await;
    let chunked = format!("transfer-encoding: chunked\r\n\r\n191\r\n{}\r\n", &body[..401]);
    // One that says how long it is need not even begin.
    for fields in ["content-length: 401\r\n\r\n", &chunked] {
        let mut client = connect(serving.address).await;
        client.send(format!("{HEAD}{fields}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.error_type().as_str()), (503, "overloaded"));
        assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
        assert!(client.closed().await.is_empty());
    }
    assert_eq!(function.calls(), 1);
    let ask = async |length: usize| {
        let mut client = connect(serving.address).await;
        client.send(format!("{HEAD}content-length: {length}\r\n\r\n{}", "x".repeat(length))).await;
        client.answer().await.status
    };
    assert_eq!(ask(400).await, 200, "there is room for so much");
    function.let_go();
    assert_eq!(holding.answer().await.body, "600 bytes");
    assert_eq!(ask(1000).await, 200, "and now for all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_holds_many_bodies_takes_only_its_own_part_of_the_memory() {
    let function = Function::default();
    let limits = limits(|limits| (limits.body_memory, limits.max_body_bytes) = (100_000, 1000));
    let serving = Serving::start(&function, limits).await;
    // More than there is memory for: all but the last byte of each, and never that.
    let mut attack = tokio::task::JoinSet::new();
    let held = format!("{HEAD}content-length: 1000\r\n\r\n{}", "x".repeat(999));
    for _ in 0..150 {
        let mut client = connect_as(2, serving.address).await;
        client.send(&held).await;
        attack.spawn(async move { client.answer().await });
    }
    // A quarter of the memory holds 25 of them.
    for _ in 0..125 {
        let refused = attack.join_next().await.unwrap().unwrap();
        assert_eq!((refused.status, refused.error_type().as_str()), (429, "rate_limited"));
        assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    }
    for last in [1, 3] {
        for _ in 0..30 {
            let mut honest = connect_as(last, serving.address).await;
            honest.send(format!("{HEAD}content-length: 1000\r\n\r\n{}", "x".repeat(1000))).await;
            assert_eq!(honest.answer().await.body, "1000 bytes");
        }
    }
    // What it held is free again once its connections are gone.
    attack.shutdown().await;
    let again = async || {
        let mut client = connect_as(2, serving.address).await;
        client.send(format!("{held}x")).await;
        client.answer().await.status
    };
    while again().await != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_begins_fast_earns_no_time_to_end_slowly() {
    let function = Function::default();
    let limits = limits(|limits| (limits.body_grace, limits.body_rate) = (SHORT, 1));
    let serving = Serving::start(&function, limits).await;
    let mut client = connect(serving.address).await;
    // At a byte a second these would be good for days.
    client.send(format!("{HEAD}content-length: 500001\r\n\r\n{}", "x".repeat(500_000))).await;
    assert_eq!(client.answer().await.status, 408);
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_to_be_complete_by_its_deadline_whatever_its_pace() {
    let function = Function::default();
    let limits = limits(|limits| (limits.body_deadline, limits.body_rate) = (SHORT, 0));
    let serving = Serving::start(&function, limits).await;
    let mut client = Http2::connect(serving.address).await;
    let (slow, mut body) = client.begin(request(Method::POST, "/"), false).await.unwrap();
    let dripping = tokio::spawn(async move {
        while body.send_data(Bytes::from_static(b"x"), false).is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
    });
    assert_eq!(read(slow).await.unwrap().0, 408);
    dripping.abort();
    assert_eq!(client.get("/").await.unwrap().0, 200, "the connection goes on");
    assert_eq!(function.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_the_function_will_not_take_is_refused_before_it_is_read() {
    let host = hosts::host(|options| options.body_limit = 10).await;
    let limits = limits(|_| {});
    let serving = Serving::plain(host.service(&limits, None).unwrap(), limits).await;
    let fields = "expect: 100-continue\r\ncontent-length: 11\r\n\r\n";
    let chunked = "transfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n";
    for rest in [fields, chunked] {
        let mut client = connect(serving.address).await;
        client.send(format!("{HEAD}{rest}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.error_type().as_str()), (413, "payload_too_large"));
        assert!(answer.body.contains("exceeds 10 bytes"), "{}", answer.body);
    }
    let pool = hosts::pool(&host);
    assert_eq!(pool.acquired_ready + pool.acquired_inline + pool.acquired_waited, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|_| {})).await;
    let mut client = connect(serving.address).await;
    client.send(format!("{HEAD}expect: 100-continue\r\ncontent-length: 5\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 100);
    assert_eq!(function.calls(), 0);
    client.send("hello").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "5 bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_coming_is_408() {
    let function = Function::default();
    let limits = limits(|limits| limits.body_timeout = SHORT);
    let serving = Serving::start(&function, limits).await;
    for fields in ["content-length: 5\r\n\r\nhell", "transfer-encoding: chunked\r\n\r\n4\r\nhell"] {
        let mut client = connect(serving.address).await;
        client.send(format!("{HEAD}{fields}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.error_type().as_str()), (408, "timeout"));
        assert!(answer.head.contains("connection: close"), "{}", answer.head);
        assert!(client.closed().await.is_empty());
    }
    assert_eq!(function.calls(), 0);
    assert_eq!(connect(serving.address).await.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_408_though_it_is_never_silent() {
    use tokio::io::AsyncWriteExt as _;
    let function = Function::default();
    let limits = limits(|limits| (limits.body_grace, limits.body_rate) = (SHORT, 1 << 20));
    let serving = Serving::start(&function, limits).await;
    let stream = tokio::net::TcpStream::connect(serving.address).await.unwrap();
    let (receive, mut send) = tokio::io::split(stream);
    send.write_all(format!("{HEAD}content-length: 100000\r\n\r\n").as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while send.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut client = crate::clients::Raw(tokio::io::join(receive, tokio::io::sink()));
    assert_eq!(client.answer().await.status, 408);
    dripping.abort();
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_400() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|_| {})).await;
    let mut client = connect(serving.address).await;
    client.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n4\r\nhell\r\nno length")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.error_type().as_str()), (400, "malformed"));
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_costs_only_its_own_request() {
    let function = Function::default();
    let limits = limits(|limits| limits.body_timeout = SHORT);
    let serving = Serving::start(&function, limits).await;
    let mut client = Http2::connect(serving.address).await;
    let (slow, mut body) = client.begin(request(Method::POST, "/"), false).await.unwrap();
    body.send_data(Bytes::from_static(b"hell"), false).unwrap();
    assert_eq!(client.get("/").await.unwrap(), (200, "0 bytes".to_owned()));
    let (status, text) = read(slow).await.unwrap();
    assert!(status == 408 && text.contains("timeout"), "{status} {text}");
    assert_eq!(client.get("/").await.unwrap().0, 200);
    assert_eq!(function.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_http_2_that_are_too_long_are_413() {
    let function = Function::default();
    let limits = limits(|limits| limits.max_body_bytes = 1000);
    let serving = Serving::start(&function, limits).await;
    let mut client = Http2::connect(serving.address).await;
    let long = request(Method::POST, "/").header("content-length", "1001");
    let (response, _body) = client.begin(long, false).await.unwrap();
    assert_eq!(read(response).await.unwrap().0, 413);
    assert_eq!(client.get("/").await.unwrap().0, 200);
    assert_eq!(function.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_take_no_instance() {
    let host = hosts::host(|options| options.pool.max_instances = 1).await;
    let limits = limits(|_| {});
    let service = RequestBodies::new(&limits).unwrap().layer(host.clone());
    let serving = Serving::plain(service, limits).await;
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut client = connect(serving.address).await;
        client.send("POST /wait HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\na").await;
        slow.push(client);
    }
    // The only instance is free for those who have sent everything.
    let mut client = connect(serving.address).await;
    let answer = client.get("/count").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1"));
    let pool = hosts::pool(&host);
    assert_eq!(pool.acquired_ready + pool.acquired_inline + pool.acquired_waited, 1);
    for mut client in slow {
        client.send("b").await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "1 2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_is_there_before_its_end_and_held_to_the_limits() {
    let limits = limits(|limits| {
        limits.stream_bodies = true;
        limits.max_body_bytes = 1000;
    });
    // Answers with what comes first, or with what went wrong.
    let answer = |request: Request<RequestBody<Incoming>>| async {
        let mut body = request.into_body();
        let mut text = Vec::new();
        while !text.contains(&b'.') {
            match body.frame().await {
                Some(Ok(frame)) => text.extend_from_slice(frame.data_ref().unwrap()),
                Some(Err(refused)) => text.extend_from_slice(format!("{refused}.").as_bytes()),
                None => text.push(b'.'),
            }
        }
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
    };
    let service = RequestBodies::new(&limits).unwrap().layer(tower::service_fn(answer));
    let serving = Serving::plain(service, limits).await;
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let mut client = connect(serving.address).await;
    client.send(format!("{chunked}6\r\nbegun.\r\n")).await;
    assert_eq!(client.answer().await.body, "begun.");
    let mut client = connect(serving.address).await;
    client.send(format!("{chunked}3e9\r\n{}\r\n", "x".repeat(1001))).await;
    assert!(client.answer().await.body.contains("exceeds 1000 bytes"));
}
