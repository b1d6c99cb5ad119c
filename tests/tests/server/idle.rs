//! Connections that rest.

use crate::clients::{Http2, connect};
use crate::serving::{Function, SHORT, Serving, limits};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_rests_too_long_is_closed() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|limits| limits.idle_timeout = SHORT)).await;
    let mut client = connect(serving.address).await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert!(client.closed().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_http_2_that_rests_too_long_is_told_to_go() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|limits| limits.idle_timeout = SHORT)).await;
    let mut client = Http2::connect(serving.address).await;
    assert_eq!(client.get("/").await.unwrap().0, 200);
    client.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_waiting_for_its_answer_does_not_rest() {
    let function = Function::default();
    let short = limits(|limits| {
        (limits.idle_timeout, limits.header_timeout) = (SHORT, SHORT);
    });
    let serving = Serving::start(&function, short).await;
    let mut waiting = connect(serving.address).await;
    waiting.send("GET /held HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    function.begun().await;
    let mut resting = connect(serving.address).await;
    assert_eq!(resting.get("/").await.status, 200);
    // By now the other would have gone, too.
    assert!(resting.closed().await.is_empty());
    function.let_go();
    assert_eq!(waiting.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_http_2_that_does_not_answer_pings_is_closed() {
    let function = Function::default();
    let short = limits(|limits| (limits.ping_interval, limits.ping_timeout) = (SHORT, SHORT));
    let serving = Serving::start(&function, short).await;
    let mut client = connect(serving.address).await;
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    client.closed().await;
}
