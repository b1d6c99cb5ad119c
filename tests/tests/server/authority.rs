//! Which server a request is for, and `HEAD`, in HTTP/2.

use http::Method;
use pilotlight::ServerLimits;

use crate::clients::{Http2, connect, read, request};
use crate::serving::{Function, Serving};

#[tokio::test(flavor = "multi_thread")]
async fn host_and_authority_name_the_same_server() {
    let function = Function::default();
    let serving = Serving::start(&function, ServerLimits::default()).await;
    let mut client = Http2::connect(serving.address).await;
    for host in ["localhost", "LOCALHOST", "localhost:80"] {
        let same = request(Method::GET, "/").header("host", host);
        let (response, _) = client.begin(same, true).await.unwrap();
        assert_eq!(read(response).await.unwrap().0, 200, "{host}");
    }
    assert_eq!(function.calls(), 3);
    for host in ["other", "localhost:81", "local host", ""] {
        let other = request(Method::GET, "/").header("host", host);
        let (response, _) = client.begin(other, true).await.unwrap();
        let (status, body) = read(response).await.unwrap();
        assert!(status == 400 && body.contains("malformed"), "{host}: {status} {body}");
    }
    let two = request(Method::GET, "/").header("host", "localhost").header("host", "localhost");
    let (response, _) = client.begin(two, true).await.unwrap();
    assert_eq!(read(response).await.unwrap().0, 400);
    assert_eq!(function.calls(), 3);
    // The connection goes on.
    assert_eq!(client.get("/").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_refused_costs_the_connection_of_http_1_1() {
    let function = Function::default();
    let serving = Serving::start(&function, ServerLimits::default()).await;
    for hosts in ["", "host: a\r\nhost: a\r\n", "host: a b\r\n"] {
        let mut client = connect(serving.address).await;
        client.send(format!("GET / HTTP/1.1\r\n{hosts}\r\n")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.error_type().as_str()), (400, "malformed"));
        assert!(answer.head.contains("connection: close"), "{}", answer.head);
        assert!(client.closed().await.is_empty());
    }
    assert_eq!(function.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_length_of_the_content_and_no_content() {
    let serving = Serving::start(&Function::default(), ServerLimits::default()).await;
    let mut client = Http2::connect(serving.address).await;
    let (response, _) = client.begin(request(Method::HEAD, "/"), true).await.unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.headers()["content-length"], "7");
    let mut body = response.into_body();
    assert!(body.data().await.is_none());
    let mut client = connect(serving.address).await;
    client.send("HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let rest = String::from_utf8(client.closed().await).unwrap().to_ascii_lowercase();
    assert!(rest.contains("content-length: 7") && rest.ends_with("\r\n\r\n"), "{rest}");
}
