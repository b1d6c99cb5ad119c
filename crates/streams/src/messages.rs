//! Events of Anthropic's messages.

use serde_json::{Map, Value, json};

use crate::error::Refused;
use crate::events::write_json;
use crate::known::{pick, plain};
use crate::rewrite::Rewrite;
use crate::texts::{Field, Texts};

const TEXT: &str = "text";
const THINKING: &str = "thinking";

/// A message while it passes.
#[derive(Debug)]
pub(crate) struct Messages<T>(Texts<T>);

impl<T> Default for Messages<T> {
    fn default() -> Self {
        Self(Texts::default())
    }
}

impl<T: Default> Messages<T> {
    /// Rewrites an event of a type.
    pub(crate) fn event<R: Rewrite<Text = T>>(
        &mut self,
        kind: &str,
        event: &Map<String, Value>,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        match kind {
            "message_start" => start(event, out),
            "content_block_start" => self.begin_block(event, rewriter, out),
            "content_block_delta" => {
                let (index, delta) = (index(event)?, object(event, "delta")?);
                self.delta(index, delta, rewriter, out)
            }
            "content_block_stop" => {
                let index = index(event)?;
                self.end_block(index, rewriter, out)?;
                tell(kind, json!({"index": index}), out);
                Ok(())
            }
            "message_delta" => {
                let delta = object(event, "delta")?;
                let mut passes = pick(delta, &["stop_reason"]);
                if let Some(sequence) = delta.get("stop_sequence") {
                    passes.insert("stop_sequence".to_owned(), whole(sequence, rewriter)?);
                }
                let usage = event.get("usage").and_then(plain).unwrap_or_else(|| json!({}));
                tell(kind, json!({"delta": passes, "usage": usage}), out);
                Ok(())
            }
            "message_stop" => {
                self.finish(rewriter, out)?;
                tell(kind, json!({}), out);
                Ok(())
            }
            "ping" => {
                tell(kind, json!({}), out);
                Ok(())
            }
            "error" => {
                let error = object(event, "error")?;
                let mut passes = pick(error, &["type"]);
                if let Some(message) = error.get("message") {
                    passes.insert("message".to_owned(), whole(message, rewriter)?);
                }
                tell(kind, json!({"error": passes}), out);
                Ok(())
            }
            _ => Err(Refused::Event("events of this type are not supported")),
        }
    }

    /// The stream has ended: writes the rest of blocks that have not.
    pub(crate) fn finish<R: Rewrite<Text = T>>(
        &mut self,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        self.0.open().into_iter().try_for_each(|index| self.end_block(index, rewriter, out))
    }

    fn begin_block<R: Rewrite<Text = T>>(
        &mut self,
        event: &Map<String, Value>,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        let (index, block) = (index(event)?, object(event, "content_block")?);
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut passes = pick(block, &["type", "id", "name"]);
        let key = match kind {
            TEXT => Some(TEXT),
            THINKING => {
                passes.insert("signature".to_owned(), json!(""));
                Some(THINKING)
            }
            "tool_use" | "server_tool_use" => {
                passes.insert("input".to_owned(), json!({}));
                None
            }
            _ => return Err(Refused::Event("content blocks of this type are not supported")),
        };
        if let Some(key) = key {
            passes.insert(key.to_owned(), json!(""));
        }
        tell("content_block_start", json!({"index": index, "content_block": passes}), out);
        match key.and_then(|key| Some((key, block.get(key)?.as_str()?))) {
            Some((key, first)) => self.text(index, key, first, rewriter, out),
            None => Ok(()),
        }
    }

    fn delta<R: Rewrite<Text = T>>(
        &mut self,
        index: u64,
        delta: &Map<String, Value>,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        let chunk = |key: &str| {
            let chunk = delta.get(key).and_then(Value::as_str);
            chunk.ok_or(Refused::Event("a text is not a string"))
        };
        match delta.get("type").and_then(Value::as_str) {
            Some("text_delta") => self.text(index, TEXT, chunk(TEXT)?, rewriter, out),
            Some("thinking_delta") => self.text(index, THINKING, chunk(THINKING)?, rewriter, out),
            Some("input_json_delta") => {
                let chunk = chunk("partial_json")?;
                self.0.push((index, Field::Arguments(0)), chunk, rewriter)?;
                Ok(())
            }
            // They repeat texts, or belong to a text that has changed.
            Some("signature_delta" | "citations_delta") => Ok(()),
            _ => Err(Refused::Event("deltas of this type are not supported")),
        }
    }

    fn text<R: Rewrite<Text = T>>(
        &mut self,
        index: u64,
        key: &'static str,
        chunk: &str,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        let field = Field::Key(key);
        let passes = self.0.push((index, field), chunk, rewriter)?;
        tell_delta(index, field, &passes, out);
        Ok(())
    }

    fn end_block<R: Rewrite<Text = T>>(
        &mut self,
        index: u64,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        for (field, rest) in self.0.end(index, rewriter)? {
            tell_delta(index, field, &rest, out);
        }
        Ok(())
    }
}

fn start<E>(event: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), Refused<E>> {
    let message = object(event, "message")?;
    if message.get("content").and_then(Value::as_array).is_some_and(|content| !content.is_empty()) {
        return Err(Refused::Event("a message starts with content"));
    }
    let keys = ["id", "type", "role", "model", "stop_reason", "stop_sequence", "usage"];
    let mut passes = pick(message, &keys);
    passes.insert("content".to_owned(), json!([]));
    tell("message_start", json!({"message": passes}), out);
    Ok(())
}

/// Writes what passes of a text.
fn tell_delta(index: u64, field: Field, passes: &str, out: &mut Vec<u8>) {
    if passes.is_empty() {
        return;
    }
    let delta = match field {
        Field::Key(THINKING) => json!({"type": "thinking_delta", THINKING: passes}),
        Field::Key(_) => json!({"type": "text_delta", TEXT: passes}),
        Field::Arguments(_) => json!({"type": "input_json_delta", "partial_json": passes}),
    };
    tell("content_block_delta", json!({"index": index, "delta": delta}), out);
}

fn tell(kind: &str, mut event: Value, out: &mut Vec<u8>) {
    event["type"] = json!(kind);
    write_json(Some(kind), &event, out);
}

/// A value that is a text as a whole.
fn whole<R: Rewrite>(value: &Value, rewriter: &mut R) -> Result<Value, Refused<R::Error>> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::String(text) => Ok(Value::String(rewriter.whole(text)?)),
        _ => Err(Refused::Event("a text is not a string")),
    }
}

fn index<E>(event: &Map<String, Value>) -> Result<u64, Refused<E>> {
    event.get("index").and_then(Value::as_u64).ok_or(Refused::Event("`index` is not a number"))
}

fn object<'a, E>(
    event: &'a Map<String, Value>,
    key: &str,
) -> Result<&'a Map<String, Value>, Refused<E>> {
    event.get(key).and_then(Value::as_object).ok_or(Refused::Event("an object is missing"))
}
