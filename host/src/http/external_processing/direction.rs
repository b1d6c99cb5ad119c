//! The request or the response of a call: reads its body, and returns the changed one.

use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::body_stream::BodyStream;
use super::function_client::{Change, FunctionClient};
use super::messages::{HttpBody, HttpHeaders};
use super::refusal::Refusal;
use super::texts::{replace, texts};
use crate::http::middleware::Next;

/// How a body is read, by its media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Text,
    Json,
    /// Server-sent events.
    Events,
}

/// A request or a response.
pub(super) struct Direction {
    /// `None`: the body is not changed.
    change: Option<Change>,
    state: State,
}

enum State {
    /// Before the headers.
    New,
    /// There is no body, or it is not changed.
    Passes,
    /// The body is complete.
    Done,
    /// The body is buffered until it is complete.
    Held(Content, Vec<u8>),
    Streamed(BodyStream),
}

impl Direction {
    pub(super) fn new(change: Option<Change>) -> Self {
        Self { change, state: State::New }
    }

    /// Whether its body is changed.
    pub(super) fn changes(&self) -> bool {
        matches!(self.state, State::Held(..) | State::Streamed(_))
    }

    /// Reads the headers.
    ///
    /// # Errors
    /// [`Refusal`] of a body that cannot be read.
    pub(super) fn begin<N: Next>(
        &mut self,
        headers: &HttpHeaders,
        client: &FunctionClient<N>,
    ) -> Result<(), Refusal> {
        let Some(change) = self.change.filter(|_| !headers.end_of_stream) else {
            self.state = State::Passes;
            return Ok(());
        };
        let coding = headers.get("content-encoding").unwrap_or_default();
        if !(coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")) {
            return Err(unreadable("compressed bodies cannot be checked; send them uncompressed"));
        }
        self.state = match content(headers.get("content-type").unwrap_or_default())? {
            Content::Events => {
                let events = HeaderValue::from_static("text/event-stream");
                State::Streamed(BodyStream::begin(client.clone(), change, events))
            }
            content => State::Held(content, Vec::new()),
        };
        Ok(())
    }

    /// Replacement of a part of the body; `None` if the body is not changed.
    ///
    /// # Errors
    /// [`Refusal`], which ends the call.
    pub(super) async fn body<N: Next>(
        &mut self,
        part: HttpBody,
        client: FunctionClient<N>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let HttpBody { body: bytes, end_of_stream } = part;
        let changed = match &mut self.state {
            State::New if self.change.is_some() => {
                Err(unreadable("the proxy does not send headers; set its processing mode to SEND"))
            }
            State::New | State::Passes => return Ok(None),
            State::Done => Err(unreadable("the body goes on after its end")),
            State::Streamed(body_stream) => body_stream.push(bytes, end_of_stream).await,
            State::Held(content, held) => {
                if held.len().saturating_add(bytes.len()) > client.limit() {
                    let message = format!("the body is longer than {} bytes", client.limit());
                    let status = StatusCode::PAYLOAD_TOO_LARGE;
                    return Err(Refusal::new(status, "payload_too_large", &message));
                }
                held.extend_from_slice(&bytes);
                if !end_of_stream {
                    return Ok(Some(Vec::new()));
                }
                let (content, held) = (*content, std::mem::take(held));
                let change = self.change.unwrap_or(Change::Redact);
                whole(content, held, change, client).await
            }
        };
        if end_of_stream {
            self.state = State::Done;
        }
        changed.map(Some)
    }

    /// Reads the trailers, which end a body.
    ///
    /// # Errors
    /// [`Refusal`] if a part of the body is still buffered: a response to trailers cannot contain it.
    pub(super) fn end(&self) -> Result<(), Refusal> {
        match self.changes() {
            true => Err(unreadable("bodies with trailers cannot be checked")),
            false => Ok(()),
        }
    }
}

/// Changes a whole body.
async fn whole<N: Next>(
    content: Content,
    body: Vec<u8>,
    change: Change,
    client: FunctionClient<N>,
) -> Result<Vec<u8>, Refusal> {
    if body.is_empty() {
        return Ok(body);
    }
    if content != Content::Json {
        let text = String::from_utf8(body).map_err(|_| unreadable("the body is not UTF-8"))?;
        let changed = client.change(change, vec![text]).await?;
        return Ok(changed.concat().into_bytes());
    }
    let malformed = |_| Refusal::new(StatusCode::BAD_REQUEST, "malformed", "the body is not JSON");
    let mut json: Value = serde_json::from_slice(&body).map_err(malformed)?;
    let refused = |error: super::texts::Unreadable| unreadable(&error.to_string());
    let found = texts(&json).map_err(refused)?;
    replace(&mut json, client.change(change, found).await?).map_err(refused)?;
    Ok(json.to_string().into_bytes())
}

fn content(media_type: &[u8]) -> Result<Content, Refusal> {
    let media_type = String::from_utf8_lossy(media_type).to_ascii_lowercase();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence {
        "application/json" => Ok(Content::Json),
        "text/event-stream" => Ok(Content::Events),
        "text/plain" | "text/markdown" => Ok(Content::Text),
        other if other.ends_with("+json") => Ok(Content::Json),
        other => {
            let message = format!(
                "bodies of type {other:?} cannot be checked; send application/json, text/plain or text/event-stream"
            );
            Err(unreadable(&message))
        }
    }
}

fn unreadable(message: &str) -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
}
