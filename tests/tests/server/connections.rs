//! How many connections there may be.

use crate::clients::connect;
use crate::serving::{Function, Serving, limits};

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait_until_others_end() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|limits| limits.max_connections = 1)).await;
    let mut first = connect(serving.address).await;
    assert_eq!(first.get("/").await.status, 200);
    let mut second = connect(serving.address).await;
    second.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    for _ in 0..10 {
        assert_eq!(first.get("/").await.status, 200);
    }
    assert_eq!(function.calls(), 11);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_nobody_can_honour_are_refused() {
    let server = pilotlight::Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let refused = server.with_limits(limits(|limits| limits.max_connections = 0));
    assert!(refused.err().unwrap().to_string().contains("max_connections"));
}
