//! Server-sent events (WHATWG HTML, section 9.2) in and out.

use serde_json::Value;

/// Maximum size of an event, in bytes.
pub const LONGEST_EVENT: usize = 1 << 20;

/// A part of an event stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// An event's name, if it has one, and data.
    Event(Option<String>, String),
    /// A comment, which keeps a connection alive.
    Comment,
}

/// Takes an event stream apart.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// What follows the last end of a line.
    line: String,
    /// Whether the last line ended with a carriage return: a line feed after it is part of that end.
    returned: bool,
    name: Option<String>,
    data: Option<String>,
    begun: bool,
}

/// An event is longer than [`LONGEST_EVENT`].
#[derive(Debug)]
pub(crate) struct TooLong;

impl Events {
    /// Takes text, and gives the parts that it completes.
    ///
    /// # Errors
    /// [`TooLong`].
    pub(crate) fn push(&mut self, text: &str) -> Result<Vec<Part>, TooLong> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(place) = rest.find(['\r', '\n']) {
            let (line, after) = rest.split_at(place);
            self.line.push_str(line);
            let is_return = after.starts_with('\r');
            rest = &after[1..];
            let is_second_half = self.returned && !is_return && self.line.is_empty() && place == 0;
            self.returned = is_return;
            if !is_second_half {
                let line = std::mem::take(&mut self.line);
                parts.extend(self.end_line(&line));
            }
            self.check()?;
        }
        if !rest.is_empty() {
            self.returned = false;
            self.line.push_str(rest);
        }
        self.check()?;
        Ok(parts)
    }

    /// The stream has ended: gives an event without an empty line behind it, as clients read it, too.
    pub(crate) fn finish(&mut self) -> Option<Part> {
        let line = std::mem::take(&mut self.line);
        let _comment = self.end_line(&line);
        self.end_event()
    }

    fn check(&self) -> Result<(), TooLong> {
        let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if held > LONGEST_EVENT { Err(TooLong) } else { Ok(()) }
    }

    fn end_line(&mut self, line: &str) -> Option<Part> {
        let line = if self.begun { line } else { line.trim_start_matches('\u{feff}') };
        self.begun = true;
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => return Some(Part::Comment),
            "event" => self.name = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Ids and retry times are those of the stream that is read, not of the one that is written.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Part> {
        let name = self.name.take();
        self.data.take().map(|data| Part::Event(name, data))
    }
}

/// Writes an event of one line of data.
pub(crate) fn write(name: Option<&str>, data: &str, out: &mut Vec<u8>) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Writes an event of JSON, which has no ends of lines.
pub(crate) fn write_json(name: Option<&str>, data: &Value, out: &mut Vec<u8>) {
    write(name, &data.to_string(), out);
}
