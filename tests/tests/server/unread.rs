//! Clients that do not read what they asked for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Response};
use http_body::Frame;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clients::{Http2, connect, request};
use crate::serving::{PATIENCE, SHORT, Serving, limits};

/// Endless; says when nobody wants it any more.
struct Endless(Arc<Semaphore>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 << 10])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

async fn serving() -> (Arc<Semaphore>, Serving) {
    let dropped = Arc::new(Semaphore::new(0));
    let told = Arc::clone(&dropped);
    let service = tower::service_fn(move |_| {
        let body = Endless(Arc::clone(&told));
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let serving = Serving::plain(service, limits(|limits| limits.write_timeout = SHORT)).await;
    (dropped, serving)
}

async fn dropped(bodies: &Semaphore) {
    timeout(PATIENCE, bodies.acquire()).await.unwrap().unwrap().forget();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_no_answer() {
    let (bodies, serving) = serving().await;
    let mut client = connect(serving.address).await;
    client.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    dropped(&bodies).await;
    // What was on its way, and the end.
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_2_that_does_not_read_loses_only_that_answer() {
    let (bodies, serving) = serving().await;
    let mut client = Http2::connect(serving.address).await;
    let (unread, _) = client.begin(request(Method::GET, "/"), true).await.unwrap();
    let mut unread = unread.await.unwrap().into_body();
    dropped(&bodies).await;
    let end = loop {
        // What was on its way, and the end.
        match timeout(PATIENCE, unread.data()).await.unwrap() {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("it has no end"),
        }
    };
    assert!(end.is_reset(), "{end}");
    drop(unread);
    let (other, _) = client.begin(request(Method::GET, "/"), true).await.unwrap();
    let mut other = other.await.unwrap().into_body();
    let data = timeout(PATIENCE, other.data()).await.unwrap().unwrap().unwrap();
    assert!(!data.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_2_that_lets_nothing_be_sent_holds_no_answer() {
    let (bodies, serving) = serving().await;
    let stream = tokio::net::TcpStream::connect(serving.address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let handshake = builder.initial_window_size(0).handshake::<_, Bytes>(stream);
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = request(Method::GET, "/").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let _response = timeout(PATIENCE, response).await.unwrap().unwrap();
    dropped(&bodies).await;
}
