//! The end of a server.

use std::time::Duration;

use http::Method;
use tokio::net::TcpStream;

use crate::clients::{Http2, connect, read, request};
use crate::serving::{Function, PATIENCE, Serving, limits};

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_finished_and_nobody_is_let_in_any_more() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|_| {})).await;
    let address = serving.address;
    let mut client = connect(address).await;
    client.send("GET /held HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    function.begun().await;
    let mut resting = connect(address).await;
    assert_eq!(resting.get("/").await.status, 200);
    let ended = serving.stop();
    assert!(resting.closed().await.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!ended.is_finished());
    function.let_go();
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert!(client.closed().await.is_empty());
    assert!(ended.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_http_2_finishes_its_requests_and_takes_no_others() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|_| {})).await;
    let mut client = Http2::connect(serving.address).await;
    let (held, _) = client.begin(request(Method::GET, "/held"), true).await.unwrap();
    function.begun().await;
    let ended = serving.stop();
    // Once it has been told to go.
    while let Ok((status, _)) = client.get("/").await {
        assert_eq!(status, 200);
    }
    function.let_go();
    assert_eq!(read(held).await.unwrap().0, 200);
    client.closed().await.unwrap();
    assert!(ended.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_finished_in_time_is_cut_off() {
    let function = Function::default();
    let limits = limits(|_| {});
    let serving = Serving::with(&function, limits, None, Duration::ZERO).await;
    let mut clients = [connect(serving.address).await, connect(serving.address).await];
    clients[0].send("GET /held HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    function.begun().await;
    clients[1].send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nx").await;
    let ended = tokio::time::timeout(PATIENCE, serving.stop()).await;
    assert!(!ended.unwrap().unwrap());
    assert!(clients[0].closed().await.is_empty());
    assert!(clients[1].closed().await.is_empty());
}
