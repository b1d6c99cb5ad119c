//! Requests that are taken back as soon as they are sent (CVE-2023-44487).

use h2::Reason;
use http::Method;

use crate::clients::{Http2, request};
use crate::serving::{Function, Serving, limits};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_back_everything_loses_its_connection() {
    const MOST: u32 = 20;
    let function = Function::default();
    let serving = Serving::start(&function, limits(|limits| limits.max_resets = MOST)).await;
    let mut client = Http2::connect(serving.address).await;
    for _ in 0..MOST {
        let (_, mut stream) = client.begin(request(Method::GET, "/held"), true).await.unwrap();
        function.begun().await;
        stream.send_reset(Reason::CANCEL);
    }
    // However it is told: what counts is that it is gone.
    let _ = client.closed().await;
    assert_eq!(function.calls(), MOST as usize);
    let mut other = Http2::connect(serving.address).await;
    assert_eq!(other.get("/").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_that_are_taken_back_at_once_is_cut_off() {
    let function = Function::default();
    let serving = Serving::start(&function, limits(|_| {})).await;
    let mut client = Http2::connect(serving.address).await;
    let mut sent = 0;
    while let Ok((_, mut stream)) = client.begin(request(Method::GET, "/held"), true).await {
        stream.send_reset(Reason::CANCEL);
        sent += 1;
        assert!(sent < 1_000_000, "the flood goes on");
        tokio::task::yield_now().await;
    }
    let mut other = Http2::connect(serving.address).await;
    assert_eq!(other.get("/").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_back_some_and_reads_the_others_goes_on() {
    const MOST: u32 = 5;
    let function = Function::default();
    let serving = Serving::start(&function, limits(|limits| limits.max_resets = MOST)).await;
    let mut client = Http2::connect(serving.address).await;
    for _ in 0..10 * MOST {
        let (_, mut stream) = client.begin(request(Method::GET, "/held"), true).await.unwrap();
        function.begun().await;
        stream.send_reset(Reason::CANCEL);
        assert_eq!(client.get("/").await.unwrap().0, 200);
    }
}
