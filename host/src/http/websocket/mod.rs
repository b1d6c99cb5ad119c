//! WebSockets (RFC 6455) as sessions of functions. Messages become the body of a `POST` to the session's path, framed as
//! `guest/wit` specifies; lines of the answer become messages.
//! Used by the stack of layers. Does not know the protocol of the messages.

mod handshake;
mod messages;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use pilotlight_telemetry::ErrorKind;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use wasmtime_wasi_http::WasiBody;

use self::handshake::{Handshake, is_handshake};
use self::messages::{Lines, framed};
use super::middleware::{Middleware, Next};
use super::upgrade::AfterUpgrade;
use crate::request::{Body, RequestContext, collect, received};
use crate::routing::Routed;

/// Longest message, in bytes.
const LONGEST: usize = 1 << 20;
/// Messages between the socket and the session, which has limits of its own.
const MESSAGES: usize = 16;
/// Longest time that a client may leave a message unread.
const WRITE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// Longest answer to a session that was refused, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;

/// Opens WebSockets at the paths that functions have for them.
#[derive(Clone)]
pub(in crate::http) struct WebSockets;

impl Middleware for WebSockets {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        if !is_handshake(request.headers()) {
            return next.run(request).await;
        }
        let path = request.uri().path();
        let routed = request.extensions().get::<Routed>();
        let session = routed.and_then(|routed| routed.version.socket(path).map(str::to_owned));
        let Some(session) = session else { return next.run(request).await };
        let (mut head, _) = request.into_parts();
        let opened = open(&mut head);
        let (accepted, upgrade, after) = match opened {
            Ok(opened) => opened,
            Err(refusal) => {
                RequestContext::of(&head).failed(ErrorKind::Malformed);
                return *refusal;
            }
        };
        let (messages, body) = received(MESSAGES);
        let request = Request::from_parts(posted(head, &session), body);
        after.go_on_with(async move {
            if let Err(error) = converse(upgrade, request, messages, next).await {
                tracing::debug!(error = %error, "a WebSocket was aborted");
            }
        });
        accepted
    }
}

type Opened = (Response<Body>, OnUpgrade, AfterUpgrade);

/// Accepts a handshake.
///
/// # Errors
/// The response, where it cannot be accepted.
fn open(head: &mut Parts) -> Result<Opened, Box<Response<Body>>> {
    let refuse = |status, error: &str| Box::new(Body::refusal(status, "malformed", error));
    let accepted = Handshake::read(head).map_err(|bad| match bad.status() {
        StatusCode::UPGRADE_REQUIRED => {
            let mut response = refuse(StatusCode::UPGRADE_REQUIRED, &bad.to_string());
            let version = HeaderValue::from_static(handshake::VERSION);
            response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, version);
            response
        }
        status => refuse(status, &bad.to_string()),
    })?;
    let upgrade = head.extensions.remove::<OnUpgrade>();
    let after = head.extensions.remove::<AfterUpgrade>();
    let (Some(upgrade), Some(after)) = (upgrade, after) else {
        let error = "WebSockets need an HTTP/1.1 connection";
        return Err(refuse(StatusCode::NOT_IMPLEMENTED, error));
    };
    Ok((accepted.response(), upgrade, after))
}

/// The head of the request that begins the session.
fn posted(mut head: Parts, session: &str) -> Parts {
    let target = match head.uri.query() {
        Some(query) => format!("{session}?{query}"),
        None => session.to_owned(),
    };
    // The path is a guest's, and was checked when it was built.
    head.uri = Uri::try_from(target).unwrap_or_default();
    head.method = Method::POST;
    for name in [
        header::CONNECTION,
        header::UPGRADE,
        header::ORIGIN,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
        header::SEC_WEBSOCKET_EXTENSIONS,
        header::SEC_WEBSOCKET_PROTOCOL,
    ] {
        head.headers.remove(name);
    }
    let binary = HeaderValue::from_static("application/octet-stream");
    head.headers.insert(header::CONTENT_TYPE, binary);
    // The handshake has been answered, and counted.
    let context = RequestContext::uncounted(&head);
    head.extensions.insert(context);
    head
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Why a WebSocket ends otherwise than it should.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Upgrade(#[from] hyper::Error),
    #[error("{0}")]
    Socket(#[from] tokio_tungstenite::tungstenite::Error),
    #[error("the client does not read")]
    Unread,
}

/// Passes messages on until one side has ended.
async fn converse<N: Next>(
    upgrade: OnUpgrade,
    request: Request<WasiBody>,
    messages: mpsc::Sender<Bytes>,
    next: N,
) -> Result<(), Broken> {
    let upgraded = TokioIo::new(upgrade.await?);
    let config =
        WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
    let mut messages = Some(messages);
    let response = next.run(request).await;
    let (head, mut body) = response.into_parts();
    if head.status != StatusCode::OK {
        let told = collect(body, LONGEST_REFUSAL).await.unwrap_or_default();
        send(&mut socket, Message::text(String::from_utf8_lossy(&told).into_owned())).await?;
        return close(&mut socket, code_of(head.status)).await;
    }
    let mut lines = Lines::default();
    loop {
        tokio::select! {
            received = receive(&mut socket, &messages), if messages.is_some() => {
                if !received? {
                    messages = None;
                }
            }
            frame = body.frame() => {
                let Some(frame) = frame else { return close(&mut socket, CloseCode::Normal).await };
                let Ok(frame) = frame else { return close(&mut socket, CloseCode::Error).await };
                let Ok(data) = frame.into_data() else { continue };
                for line in lines.push(&data) {
                    send(&mut socket, Message::text(line)).await?;
                }
            }
        }
    }
}

/// Receives a message once there is a place for it, and passes it on; false if none will come, or the session
/// reads no more. Can be dropped and called again.
async fn receive(
    socket: &mut Socket,
    sender: &Option<mpsc::Sender<Bytes>>,
) -> Result<bool, Broken> {
    let Some(sender) = sender else { return Ok(false) };
    let Ok(place) = sender.reserve().await else { return Ok(false) };
    match socket.next().await.transpose()? {
        Some(Message::Binary(content)) => place.send(framed(messages::BINARY, &content)),
        Some(Message::Text(text)) => place.send(framed(messages::TEXT, text.as_bytes())),
        // Answered by the library, with the next message that is sent or read.
        Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
        Some(Message::Close(_)) | None => return Ok(false),
    }
    Ok(true)
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), Broken> {
    let sent = tokio::time::timeout(WRITE_TIMEOUT, socket.send(message)).await;
    Ok(sent.map_err(|_| Broken::Unread)??)
}

async fn close(socket: &mut Socket, code: CloseCode) -> Result<(), Broken> {
    let frame = CloseFrame { code, reason: "".into() };
    let closed = tokio::time::timeout(WRITE_TIMEOUT, socket.close(Some(frame))).await;
    match closed.map_err(|_| Broken::Unread)? {
        // The client was faster.
        Err(tokio_tungstenite::tungstenite::Error::ConnectionClosed) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What a socket is closed with whose session was refused.
fn code_of(status: StatusCode) -> CloseCode {
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => CloseCode::Again,
        status if status.is_server_error() => CloseCode::Error,
        _ => CloseCode::Policy,
    }
}
