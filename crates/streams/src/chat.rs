//! Events of OpenAI's chat completions, and of completions.

use serde_json::{Map, Value, json};

use crate::error::Refused;
use crate::events::{write, write_json};
use crate::known::{pick, plain};
use crate::rewrite::Rewrite;
use crate::texts::{Field, Texts};

/// The end of a stream.
pub(crate) const DONE: &str = "[DONE]";

const ENVELOPE: [&str; 6] =
    ["id", "object", "created", "model", "system_fingerprint", "service_tier"];
/// Texts of a `delta`.
const TEXTS: [&str; 4] = ["content", "reasoning", "reasoning_content", "refusal"];
/// The text of a choice of completions, which has no `delta`.
const TEXT: &str = "text";

/// A stream of chat completions while it passes.
#[derive(Debug)]
pub(crate) struct Chat<T> {
    texts: Texts<T>,
    /// What all events have in common.
    envelope: Map<String, Value>,
}

impl<T> Default for Chat<T> {
    fn default() -> Self {
        Self { texts: Texts::default(), envelope: Map::new() }
    }
}

/// What is written of a choice.
#[derive(Default)]
struct Written {
    choice: Map<String, Value>,
    delta: Map<String, Value>,
}

impl<T: Default> Chat<T> {
    /// Rewrites an event.
    pub(crate) fn event<R: Rewrite<Text = T>>(
        &mut self,
        event: &Map<String, Value>,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        let choices = event.get("choices").and_then(Value::as_array);
        let choices = choices.ok_or(Refused::Event("`choices` is not a list"))?;
        self.envelope = pick(event, &ENVELOPE);
        let usage = event.get("usage").filter(|usage| !usage.is_null()).and_then(plain);
        let (mut rests, mut kept) = (Vec::new(), Vec::new());
        for choice in choices {
            let choice = choice.as_object().ok_or(Refused::Event("a choice is not an object"))?;
            let [rest, now] = self.choice(choice, rewriter)?;
            rests.extend(rest);
            kept.extend(now);
        }
        if !rests.is_empty() {
            self.write(rests, None, out);
        }
        if !kept.is_empty() || choices.is_empty() || usage.is_some() {
            self.write(kept, usage, out);
        }
        Ok(())
    }

    /// The stream has ended, with `[DONE]` or without.
    pub(crate) fn finish<R: Rewrite<Text = T>>(
        &mut self,
        rewriter: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused<R::Error>> {
        for index in self.texts.open() {
            let mut written = Written::default();
            for (field, rest) in self.texts.end(index, rewriter)? {
                written.append(field, &rest);
            }
            if let Some(choice) = written.finish(index, None) {
                self.write(vec![choice], None, out);
            }
        }
        Ok(())
    }

    /// Writes the end of a stream.
    pub(crate) fn done(out: &mut Vec<u8>) {
        write(None, DONE, out);
    }

    fn write(&self, choices: Vec<Value>, usage: Option<Value>, out: &mut Vec<u8>) {
        let mut event = self.envelope.clone();
        event.insert("choices".to_owned(), Value::Array(choices));
        if let Some(usage) = usage {
            event.insert("usage".to_owned(), usage);
        }
        write_json(None, &Value::Object(event), out);
    }

    /// What is written of a choice: the rest of its texts if it has ended, and what else it says.
    fn choice<R: Rewrite<Text = T>>(
        &mut self,
        choice: &Map<String, Value>,
        rewriter: &mut R,
    ) -> Result<[Option<Value>; 2], Refused<R::Error>> {
        let index = choice.get("index").map_or(Some(0), Value::as_u64);
        let index = index.ok_or(Refused::Event("`index` is not a number"))?;
        let reason = choice.get("finish_reason").filter(|reason| !reason.is_null());
        let mut written = Written::default();
        if let Some(chunk) = text_of(choice, TEXT)? {
            let passes = self.texts.push((index, Field::Key(TEXT)), chunk, rewriter)?;
            written.append(Field::Key(TEXT), &passes);
        }
        match choice.get("delta") {
            None | Some(Value::Null) => {}
            Some(Value::Object(delta)) => self.delta(index, delta, &mut written, rewriter)?,
            Some(_) => return Err(Refused::Event("`delta` is not an object")),
        }
        let Some(reason) = reason.and_then(plain) else {
            return Ok([None, written.finish(index, None)]);
        };
        if !self.texts.has_ended(index) {
            for (field, rest) in self.texts.end(index, rewriter)? {
                written.append(field, &rest);
            }
        }
        let rest = written.finish(index, None);
        let end = Some((reason, choice.contains_key(TEXT)));
        Ok([rest, Written::default().finish(index, end)])
    }

    fn delta<R: Rewrite<Text = T>>(
        &mut self,
        index: u64,
        delta: &Map<String, Value>,
        written: &mut Written,
        rewriter: &mut R,
    ) -> Result<(), Refused<R::Error>> {
        written.delta.extend(pick(delta, &["role"]));
        for key in TEXTS {
            if let Some(chunk) = text_of(delta, key)? {
                let passes = self.texts.push((index, Field::Key(key)), chunk, rewriter)?;
                written.append(Field::Key(key), &passes);
            }
        }
        let calls = match delta.get("tool_calls") {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(calls)) => calls,
            Some(_) => return Err(Refused::Event("`tool_calls` is not a list")),
        };
        for call in calls {
            let call = call.as_object().ok_or(Refused::Event("a tool call is not an object"))?;
            let number = call.get("index").map_or(Some(0), Value::as_u64);
            let number = number.ok_or(Refused::Event("`index` is not a number"))?;
            let function = call.get("function").and_then(Value::as_object);
            let function = function.ok_or(Refused::Event("a tool call has no function"))?;
            if let Some(chunk) = text_of(function, "arguments")? {
                self.texts.push((index, Field::Arguments(number)), chunk, rewriter)?;
            }
            let mut head = pick(call, &["id", "type"]);
            let name = pick(function, &["name"]);
            if !head.is_empty() || !name.is_empty() {
                head.insert("index".to_owned(), json!(number));
                let mut function = name;
                function.insert("arguments".to_owned(), json!(""));
                head.insert("function".to_owned(), Value::Object(function));
                written.call(Value::Object(head));
            }
        }
        Ok(())
    }
}

/// A text of an object, if it has one.
fn text_of<'a, E>(
    object: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a str>, Refused<E>> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refused::Event("a text is not a string")),
    }
}

impl Written {
    /// Appends what passes of a text.
    fn append(&mut self, field: Field, passes: &str) {
        if passes.is_empty() {
            return;
        }
        let of_choice = field == Field::Key(TEXT);
        let object = if of_choice { &mut self.choice } else { &mut self.delta };
        match field {
            Field::Key(key) => match object.get_mut(key) {
                Some(Value::String(text)) => text.push_str(passes),
                _ => {
                    object.insert(key.to_owned(), json!(passes));
                }
            },
            Field::Arguments(number) => {
                self.call(json!({"index": number, "function": {"arguments": passes}}));
            }
        }
    }

    fn call(&mut self, call: Value) {
        match self.delta.get_mut("tool_calls") {
            Some(Value::Array(calls)) => calls.push(call),
            _ => {
                self.delta.insert("tool_calls".to_owned(), json!([call]));
            }
        }
    }

    /// The choice, if it says anything. A `reason` to end comes with whether its text is its own.
    fn finish(mut self, index: u64, reason: Option<(Value, bool)>) -> Option<Value> {
        let is_completion = self.choice.contains_key(TEXT)
            || reason.as_ref().is_some_and(|(_, is_completion)| *is_completion);
        if self.choice.is_empty() && self.delta.is_empty() && reason.is_none() {
            return None;
        }
        match is_completion {
            true => {
                self.choice.entry(TEXT).or_insert_with(|| json!(""));
            }
            false => {
                self.choice.insert("delta".to_owned(), Value::Object(self.delta));
            }
        }
        let reason = reason.map_or(Value::Null, |(reason, _)| reason);
        self.choice.insert("index".to_owned(), json!(index));
        self.choice.insert("finish_reason".to_owned(), reason);
        Some(Value::Object(self.choice))
    }
}
