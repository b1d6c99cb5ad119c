//! A stream while it passes.

use serde_json::{Map, Value, json};

use crate::chat::{Chat, DONE};
use crate::decoder::Decoder;
use crate::error::{Failure, Refused, StreamError};
use crate::events::{Events, LONGEST_EVENT, Part, write_json};
use crate::messages::Messages;
use crate::rewrite::Rewrite;
use crate::texts::LONGEST_ARGUMENTS;

/// Input and output format of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text in, text out.
    Text,
    /// Text in; out events `{"text": "…"}` and a last one `[DONE]`.
    TextToEvents,
    /// Events in, the same events out.
    Events,
}

/// Whose events they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Protocol {
    /// `{"text": "…"}`.
    #[default]
    Own,
    OpenAi,
    Anthropic,
}

/// A stream while it passes.
#[derive(Debug)]
pub struct Stream<T> {
    form: Form,
    decoder: Decoder,
    events: Events,
    /// Plain text, and that of events of our own.
    text: T,
    chat: Chat<T>,
    messages: Messages<T>,
    protocol: Protocol,
    /// Events that were read.
    number: u64,
    /// Whether `[DONE]` was read.
    is_done: bool,
}

impl<T: Default> Stream<T> {
    /// A new stream.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            decoder: Decoder::default(),
            events: Events::default(),
            text: T::default(),
            chat: Chat::default(),
            messages: Messages::default(),
            protocol: Protocol::default(),
            number: 0,
            is_done: false,
        }
    }

    /// Takes the next bytes, and appends what passes.
    ///
    /// # Errors
    /// [`StreamError`]. What was appended may pass; nothing may follow but [`Stream::fail`].
    pub fn push<R: Rewrite<Text = T>>(
        &mut self,
        bytes: &[u8],
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError<R::Error>> {
        let text = self.decoder.push(bytes).map_err(StreamError::Encoding)?;
        if self.form == Form::Events {
            let too_long = |_| StreamError::TooLong { what: "an event", limit: LONGEST_EVENT };
            let parts = self.events.push(&text).map_err(too_long)?;
            return parts.into_iter().try_for_each(|part| self.part(part, rewriter, out));
        }
        let passes = rewriter.push(&mut self.text, &text).map_err(StreamError::Rewrite)?;
        self.write_text(&passes, out);
        Ok(())
    }

    /// The stream has ended: appends the rest.
    ///
    /// # Errors
    /// As [`Stream::push`].
    pub fn finish<R: Rewrite<Text = T>>(
        &mut self,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError<R::Error>> {
        self.decoder.finish().map_err(StreamError::Encoding)?;
        if self.form == Form::Events {
            if let Some(part) = self.events.finish() {
                self.part(part, rewriter, out)?;
            }
            let ended = self.end_texts(rewriter, out);
            return ended.map_err(|refused| self.error(refused));
        }
        self.end_text(rewriter, out).map_err(StreamError::Rewrite)?;
        if self.form == Form::TextToEvents {
            Chat::<T>::done(out);
        }
        Ok(())
    }

    /// Appends why the stream ends before its time, in its own protocol.
    pub fn fail(&self, failure: Failure<'_>, out: &mut Vec<u8>) {
        let Failure { error_type, message } = failure;
        match (self.form, self.protocol) {
            (Form::Text, _) => {
                out.extend_from_slice(format!("\n[error: {message}]\n").as_bytes());
            }
            (_, Protocol::Own) => {
                write_json(None, &json!({"error": message, "error_type": error_type}), out);
            }
            (_, Protocol::OpenAi) => {
                let error = json!({"message": message, "type": "server_error", "code": error_type});
                write_json(None, &json!({"error": error}), out);
            }
            (_, Protocol::Anthropic) => {
                let error = json!({"type": "api_error", "message": message});
                write_json(Some("error"), &json!({"type": "error", "error": error}), out);
            }
        }
    }

    fn error<E>(&self, refused: Refused<E>) -> StreamError<E> {
        match refused {
            Refused::Rewrite(error) => StreamError::Rewrite(error),
            Refused::Event(reason) => StreamError::Event { number: self.number, reason },
            Refused::Arguments => {
                StreamError::TooLong { what: "arguments of tools", limit: LONGEST_ARGUMENTS }
            }
        }
    }

    fn part<R: Rewrite<Text = T>>(
        &mut self,
        part: Part,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError<R::Error>> {
        let Part::Event(_, data) = part else {
            out.extend_from_slice(b":\n\n");
            return Ok(());
        };
        self.number += 1;
        let passed = self.event(&data, rewriter, out);
        passed.map_err(|refused| self.error(refused))
    }

    fn event<R: Rewrite<Text = T>>(
        &mut self,
        data: &str,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        if self.is_done {
            return Err(Refused::Event("an event follows [DONE]"));
        }
        if data.trim() == DONE {
            self.is_done = true;
            self.end_texts(rewriter, out)?;
            Chat::<T>::done(out);
            return Ok(());
        }
        let Ok(Value::Object(event)) = serde_json::from_str(data) else {
            return Err(Refused::Event("the data is not a JSON object"));
        };
        if event.contains_key("choices") {
            self.protocol = Protocol::OpenAi;
            return self.chat.event(&event, rewriter, out);
        }
        if let Some(kind) = event.get("type").and_then(Value::as_str) {
            self.protocol = Protocol::Anthropic;
            return self.messages.event(kind, &event, rewriter, out);
        }
        if let Some(text) = event.get("text").and_then(Value::as_str) {
            let passes = rewriter.push(&mut self.text, text)?;
            self.write_text(&passes, out);
            return Ok(());
        }
        match event.get("error") {
            Some(error) => pass_error(error, rewriter, out),
            None => Err(Refused::Event("events of this form are not supported")),
        }
    }

    /// Writes the rest of all texts of events.
    fn end_texts<R: Rewrite<Text = T>>(
        &mut self,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        self.end_text(rewriter, out)?;
        self.chat.finish(rewriter, out)?;
        self.messages.finish(rewriter, out)
    }

    fn end_text<R: Rewrite<Text = T>>(
        &mut self,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), R::Error> {
        let rest = rewriter.finish(std::mem::take(&mut self.text))?;
        self.write_text(&rest, out);
        Ok(())
    }

    fn write_text(&self, passes: &str, out: &mut Vec<u8>) {
        match self.form {
            _ if passes.is_empty() => {}
            Form::Text => out.extend_from_slice(passes.as_bytes()),
            Form::TextToEvents | Form::Events => write_json(None, &json!({"text": passes}), out),
        }
    }
}

/// Passes on the error of a stream of OpenAI's or of our own.
fn pass_error<R: Rewrite>(
    error: &Value,
    rewriter: &mut R,
    out: &mut Vec<u8>,
) -> Result<(), Refused<R::Error>> {
    let error = match error {
        Value::String(message) => json!(rewriter.whole(message)?),
        Value::Object(fields) => {
            let mut passes: Map<String, Value> =
                crate::known::pick(fields, &["type", "code", "param"]);
            let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
            passes.insert("message".to_owned(), json!(rewriter.whole(message)?));
            Value::Object(passes)
        }
        _ => return Err(Refused::Event("`error` is neither text nor object")),
    };
    write_json(None, &json!({"error": error}), out);
    Ok(())
}
