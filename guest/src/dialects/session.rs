//! Answers that are written while the request is read.

use std::time::Duration;

use super::route::{Answer, Call, Target};
use crate::api::ApiError;
use crate::function::Function;
use crate::model::Usage;

/// A path whose `POST` is answered while its body is read.
#[derive(Debug)]
pub struct SessionRoute {
    /// The path, which has a [`Route`](super::Route), too.
    pub path: &'static str,
    /// How much of a session's time is computed at once: the next computation is due when it has passed.
    pub period: Duration,
    /// Paths at which a WebSocket is a session, whose messages are framed as [`Messages`] reads them.
    pub sockets: &'static [&'static str],
    /// Begins a session.
    pub open: Open,
}

/// A session, and the head of its answer.
pub struct Opened<'a> {
    /// `content-type` of the answer.
    pub content_type: &'static str,
    /// The session.
    pub session: Box<dyn Session + 'a>,
}

/// An answer while it is written: state between the parts of a request's body.
pub trait Session: Send {
    /// Takes the next bytes of the body, and appends what they are answered.
    ///
    /// # Errors
    /// [`ApiError`] that ends the session. What was appended is sent before.
    fn push(&mut self, bytes: &[u8], usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError>;

    /// The body has ended: appends the rest of the answer.
    ///
    /// # Errors
    /// As [`Session::push`].
    fn finish(&mut self, usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError>;

    /// Whether the answer is complete, whatever follows.
    fn is_over(&self) -> bool {
        false
    }

    /// Appends why the session has ended.
    fn fail(&self, error: &ApiError, out: &mut Vec<u8>);
}

/// Begins a session.
pub(super) type Open = for<'a> fn(&'a Function, &Target) -> Result<Opened<'a>, ApiError>;

/// Answers a body that has come whole, on hosts that pass it on so.
///
/// # Errors
/// [`ApiError`].
pub(super) fn whole(call: &mut Call<'_>, open: Open) -> Result<Answer, ApiError> {
    let Opened { content_type, mut session } = open(call.function, call.target)?;
    let mut body = Vec::new();
    session.push(call.body, call.usage, &mut body)?;
    if !session.is_over() {
        session.finish(call.usage, &mut body)?;
    }
    Ok(Answer { content_type, headers: Vec::new(), body: body.into() })
}

/// Bytes in front of a message: its kind and its length, little-endian.
const HEAD: usize = 5;
/// Longest message: half a minute of stereo floats at 48 kHz would be 11 MiB.
const LONGEST: usize = 1 << 20;

/// A message of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Kind 0.
    Binary(Vec<u8>),
    /// Kind 1: UTF-8.
    Text(String),
}

/// Takes the messages of a WebSocket out of a body: each is its kind (a byte), its length (four bytes,
/// little-endian), and its content.
#[derive(Debug, Default)]
pub struct Messages {
    held: Vec<u8>,
}

impl Messages {
    /// Takes bytes of the body, and hands the messages that they complete to `each`.
    ///
    /// # Errors
    /// [`ApiError::Malformed`] for what is no message, and those of `each`.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Message) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        self.held.extend_from_slice(bytes);
        let mut held = &self.held[..];
        let mut result = Ok(());
        while let (Ok(()), Some((head, rest))) = (&result, held.split_first_chunk::<HEAD>()) {
            let [kind, length @ ..] = *head;
            let length = u32::from_le_bytes(length) as usize;
            if length > LONGEST {
                let message = format!("a message has {length} bytes, more than {LONGEST}");
                result = Err(ApiError::Malformed(message));
                break;
            }
            let Some((content, others)) = rest.split_at_checked(length) else { break };
            result = message(kind, content).and_then(&mut each);
            held = others;
        }
        let taken = self.held.len() - held.len();
        self.held.drain(..taken);
        result
    }
}

fn message(kind: u8, content: &[u8]) -> Result<Message, ApiError> {
    match kind {
        0 => Ok(Message::Binary(content.to_vec())),
        1 => match std::str::from_utf8(content) {
            Ok(text) => Ok(Message::Text(text.to_owned())),
            Err(error) => Err(ApiError::Malformed(format!("a message is not text: {error}"))),
        },
        kind => Err(ApiError::Malformed(format!("there are no messages of kind {kind}"))),
    }
}
