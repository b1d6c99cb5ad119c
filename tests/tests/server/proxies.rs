//! Whose requests they are that come through proxies.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use pilotlight::{ClientAddress, Server, ServerLimits, Telemetry};
use pilotlight_telemetry::Metrics;

use crate::clients::{Raw, connect, connect_as};
use crate::serving::{PATIENCE, SHORT, Serving, limits};

/// Answers with the address of its client.
async fn who(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let client = request.extensions().get::<ClientAddress>();
    let text = client.map_or_else(|| "nobody".to_owned(), |client| client.0.to_string());
    Ok(Response::new(Full::from(text)))
}

/// Trusts 127.0.0.1 and those in 10.0.0.0/8.
fn trusting(change: impl FnOnce(&mut ServerLimits)) -> ServerLimits {
    limits(|limits| {
        let proxies = ["127.0.0.1", "10.0.0.0/8"].map(|network| network.parse().unwrap());
        limits.trusted_proxies = proxies.into();
        change(limits);
    })
}

async fn serve(limits: ServerLimits) -> Serving {
    Serving::plain(tower::service_fn(who), limits).await
}

/// What comes after a header of the PROXY protocol, version 2, over IPv4.
fn version_2(source: [u8; 4]) -> Vec<u8> {
    let fixed = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f";
    [&fixed[..], &source, &[127, 0, 0, 1, 0, 80, 0, 80], b"\x04\0\0"].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed_and_nobody_else() {
    let serving = serve(trusting(|_| {})).await;
    for (field, client) in [
        ("x-forwarded-for: 192.0.2.1", "192.0.2.1"),
        ("x-forwarded-for: 127.0.0.1, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("x-forwarded-for: 192.0.2.1\r\nx-forwarded-for: 10.1.2.3", "192.0.2.1"),
        ("forwarded: for=\"[2001:db8::1]:1\";proto=https", "2001:db8::1"),
        ("forwarded: for=_hidden", "nobody"),
        ("accept: */*", "127.0.0.1"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{field}\r\n\r\n");
        let mut proxy = connect(serving.address).await;
        proxy.send(&request).await;
        assert_eq!(proxy.answer().await.body, client, "{field}");
        let mut other = connect_as(2, serving.address).await;
        other.send(&request).await;
        assert_eq!(other.answer().await.body, "127.0.0.2", "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_client_cannot_be_told_is_refused() {
    let serving = serve(trusting(|_| {})).await;
    for field in [
        "x-forwarded-for: somebody",
        "forwarded: for=\"192.0.2.1",
        "x-forwarded-for: 192.0.2.1\r\nforwarded: for=10.0.0.1",
    ] {
        let mut proxy = connect(serving.address).await;
        proxy.send(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{field}\r\n\r\n")).await;
        let answer = proxy.answer().await;
        assert_eq!((answer.status, answer.error_type().as_str()), (400, "malformed"), "{field}");
        assert!(answer.body.contains("forwarded"), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_trusted_proxy_have_parts_of_the_memory_of_their_own() {
    use pilotlight::RequestBodies;
    use tower::Layer as _;
    let function = crate::serving::Function::default();
    let limits = trusting(|limits| {
        (limits.body_memory, limits.max_body_bytes) = (1000, 100);
        limits.body_memory_per_address = Some(100);
    });
    let service = tower::service_fn(move |request| function.clone().answer(request));
    let bodies = RequestBodies::new(&limits).unwrap();
    let serving = Serving::plain(bodies.layer(service), limits).await;
    let begin = async |client: &str, sent: usize| {
        let mut proxy = connect(serving.address).await;
        let head = format!("POST / HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: {client}\r\n");
        let body = "x".repeat(sent);
        proxy.send(format!("{head}transfer-encoding: chunked\r\n\r\n{sent:x}\r\n{body}\r\n")).await;
        proxy
    };
    // Whichever of the two comes second is one too many.
    let (mut one, mut two) = (begin("192.0.2.1", 60).await, begin("192.0.2.1", 60).await);
    let refused = tokio::select! {
        answer = one.answer() => answer,
        answer = two.answer() => answer,
    };
    assert_eq!(refused.status, 429);
    let mut other = begin("192.0.2.2", 60).await;
    other.send("0\r\n\r\n").await;
    assert_eq!(other.answer().await.body, "60 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_s_connection_is_of_the_client_that_its_header_names() {
    let serving = serve(trusting(|limits| limits.proxy_protocol = true)).await;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 192.0.2.9\r\n\r\n";
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec();
    for (header, client) in [
        (version_2([192, 0, 2, 1]), "192.0.2.1"),
        // Another proxy, which says itself whose request it is.
        (version_2([10, 0, 0, 7]), "192.0.2.9"),
        (local, "192.0.2.9"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n".to_vec(), "2001:db8::1"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "nobody"),
    ] {
        let mut proxy = connect(serving.address).await;
        proxy.send([&header[..], request].concat()).await;
        assert_eq!(proxy.answer().await.body, client, "{header:?}");
        assert_eq!(proxy.get("/").await.status, 200);
        // A byte at a time it is the same.
        let mut proxy = connect(serving.address).await;
        for byte in &header {
            proxy.send([*byte]).await;
            tokio::task::yield_now().await;
        }
        proxy.send(request).await;
        assert_eq!(proxy.answer().await.body, client, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_does_not_say_whose_connection_it_is_is_refused() {
    let metrics = Metrics::new("1");
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let limits = trusting(|limits| {
        (limits.proxy_protocol, limits.header_timeout) = (true, SHORT);
    });
    let server =
        server.with_limits(limits).unwrap().with_telemetry(Telemetry::new(metrics.clone()));
    let serving = Serving::run(server, tower::service_fn(who), PATIENCE);
    let half = &version_2([192, 0, 2, 1])[..20];
    let long = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
    let cases = [&b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], half, long, b""];
    for sent in cases {
        let mut proxy = connect(serving.address).await;
        proxy.send(sent).await;
        assert!(proxy.closed().await.is_empty(), "{sent:?}");
    }
    let counted = format!("refused_total{{reason=\"proxy_header\"}} {}", cases.len());
    assert!(metrics.render("").1.contains(&counted), "{}", metrics.render("").1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_somebody_who_is_no_proxy_is_not_believed() {
    let serving = serve(trusting(|limits| limits.proxy_protocol = true)).await;
    let mut client = connect_as(2, serving.address).await;
    assert_eq!(client.get("/").await.body, "127.0.0.2");
    let mut client = connect_as(2, serving.address).await;
    client.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(String::from_utf8(client.closed().await).unwrap().starts_with("HTTP/1.1 400 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_a_proxy_are_counted_for_its_clients() {
    let serving = serve(trusting(|limits| {
        (limits.proxy_protocol, limits.max_connections_per_address) = (true, 1);
    }))
    .await;
    let begin = async |client: [u8; 4]| {
        let mut proxy = connect(serving.address).await;
        proxy.send(version_2(client)).await;
        proxy
    };
    let mut first = begin([192, 0, 2, 1]).await;
    assert_eq!(first.get("/").await.body, "192.0.2.1");
    assert!(begin([192, 0, 2, 1]).await.closed().await.is_empty());
    assert_eq!(begin([192, 0, 2, 2]).await.get("/").await.body, "192.0.2.2");
    assert_eq!(first.get("/").await.body, "192.0.2.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_s_header_stands_before_tls() {
    use pilotlight_testing::certificates::{Certificate, Files, client, handshake};
    let certificate = Certificate::new();
    let files = Files::of(&certificate);
    let tls = pilotlight::Tls::open(&files.certificate(), &files.key()).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let limits = trusting(|limits| limits.proxy_protocol = true);
    let server = server.with_limits(limits).unwrap().with_tls(tls);
    let serving = Serving::run(server, tower::service_fn(who), PATIENCE);
    let mut proxy = connect(serving.address).await;
    proxy.send(version_2([192, 0, 2, 1])).await;
    let stream = handshake(proxy.0, client(&certificate, &["http/1.1"])).await.unwrap();
    assert_eq!(Raw(stream).get("/").await.body, "192.0.2.1");
}
