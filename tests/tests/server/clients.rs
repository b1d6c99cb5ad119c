//! Clients that say exactly what they are told to.

use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::serving::PATIENCE;

/// A connection, byte by byte.
pub struct Raw<S>(pub S);

/// A response as it was read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Status line and fields, in small letters.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn error_type(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert!(body["error"].is_string(), "{body}");
        body["error_type"].as_str().unwrap().to_owned()
    }
}

pub async fn connect(address: SocketAddr) -> Raw<TcpStream> {
    Raw(TcpStream::connect(address).await.unwrap())
}

/// As the client at 127.0.0.`last`.
pub async fn connect_as(last: u8, address: SocketAddr) -> Raw<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    Raw(socket.connect(address).await.unwrap())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(PATIENCE, self.0.write_all(bytes.as_ref())).await.unwrap().unwrap();
    }

    /// Reads one response.
    pub async fn answer(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push_str(&self.line().await);
        }
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let field = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = self.bytes(field.map_or(0, |length| length.parse().unwrap())).await;
        if head.contains("transfer-encoding: chunked") {
            body = self.chunks().await;
        }
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(self.line().await.trim(), 16).unwrap();
            let chunk = self.bytes(length + 2).await;
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                return body;
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        while !line.ends_with('\n') {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.unwrap();
            line.push(byte.unwrap_or_else(|error| panic!("{error} after {line:?}")).into());
        }
        line
    }

    async fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        timeout(PATIENCE, self.0.read_exact(&mut bytes)).await.unwrap().unwrap();
        bytes
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        self.answer().await
    }

    /// Whether it answers a request, or has closed the connection.
    pub async fn answers(&mut self) -> bool {
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        if timeout(PATIENCE, self.0.write_all(request)).await.unwrap().is_err() {
            return false;
        }
        timeout(PATIENCE, self.0.read_u8()).await.unwrap().is_ok()
    }

    /// Waits until the server closes the connection; returns what it had to say.
    pub async fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // Reset or ended, both are closed.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.unwrap();
        rest
    }
}

/// A client of HTTP/2.
pub struct Http2 {
    pub sender: SendRequest<Bytes>,
    /// Ends with the connection.
    pub connection: JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    pub async fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = h2::client::handshake(io).await.unwrap();
        Self { sender, connection: tokio::spawn(connection) }
    }

    /// Begins a request whose body is sent through what is returned.
    pub async fn begin(
        &mut self,
        request: http::request::Builder,
        ended: bool,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
        let mut sender = self.sender.clone();
        poll_fn(|context| sender.poll_ready(context)).await?;
        sender.send_request(request.body(()).unwrap(), ended)
    }

    pub async fn get(&mut self, path: &str) -> Result<(u16, String), h2::Error> {
        let (response, _) = self.begin(request(Method::GET, path), true).await?;
        read(response).await
    }

    /// Waits until the server closes the connection.
    pub async fn closed(self) -> Result<(), h2::Error> {
        drop(self.sender);
        timeout(PATIENCE, self.connection).await.unwrap().unwrap()
    }
}

pub fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://localhost{path}"))
}

pub async fn read(response: h2::client::ResponseFuture) -> Result<(u16, String), h2::Error> {
    let response = timeout(PATIENCE, response).await.unwrap()?;
    let (head, mut body) = response.into_parts();
    let mut text = Vec::new();
    while let Some(data) = timeout(PATIENCE, body.data()).await.unwrap() {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        text.extend_from_slice(&data);
    }
    Ok((head.status.as_u16(), String::from_utf8(text).unwrap()))
}
