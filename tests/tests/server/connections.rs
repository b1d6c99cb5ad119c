//! How many connections there may be.

use pilotlight::{Server, Telemetry};
use pilotlight_telemetry::Metrics;

use crate::clients::{connect, connect_as};
use crate::serving::{Function, PATIENCE, Serving, limits};

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
async fn limits_that_nobody_can_honor_are_refused() {
    let server = pilotlight::Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let refused = server.with_limits(limits(|limits| limits.max_connections = 0));
    assert!(refused.err().unwrap().to_string().contains("max_connections"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_one_address_beyond_its_limit_are_closed_and_those_of_others_are_not() {
    let function = Function::default();
    let metrics = Metrics::new("1");
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let server = server.with_limits(limits(|limits| limits.max_connections_per_address = 2));
    let service = tower::service_fn(move |request| function.clone().answer(request));
    let serving = Serving::run(
        server.unwrap().with_telemetry(Telemetry::new(metrics.clone())),
        service,
        PATIENCE,
    );
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = connect_as(2, serving.address).await;
        assert_eq!(client.get("/").await.status, 200);
        open.push(client);
    }
    for _ in 0..3 {
        assert!(connect_as(2, serving.address).await.closed().await.is_empty());
    }
    let counted = "pilotlight_connections_refused_total{reason=\"too_many\"} 3";
    assert!(metrics.render("").1.contains(counted), "{}", metrics.render("").1);
    let mut other = connect_as(3, serving.address).await;
    assert_eq!(other.get("/").await.status, 200);
    // One that ends makes room for another, as soon as the server has noticed.
    drop(open.pop());
    loop {
        let mut client = connect_as(2, serving.address).await;
        if client.answers().await {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trusted_proxies_may_have_as_many_connections_as_they_like() {
    let function = Function::default();
    let limits = limits(|limits| {
        limits.max_connections_per_address = 1;
        limits.trusted_proxies = vec!["127.0.0.2".parse().unwrap()];
    });
    let serving = Serving::start(&function, limits).await;
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut client = connect_as(2, serving.address).await;
        assert_eq!(client.get("/").await.status, 200);
        open.push(client);
    }
}
