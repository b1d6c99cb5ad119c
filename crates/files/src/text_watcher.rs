//! Reports the new text of a file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::watch::{FileCheck, Identity, Polled, State, identity};

/// The largest text that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Watches a text file. It has no clock: [`TextWatcher::check_files`] checks once.
#[derive(Debug)]
pub struct TextWatcher {
    polled: Polled,
    /// The state in which the file was read last.
    read: Option<State>,
    /// The text, or the reason why there was none, that was reported last.
    reported: Result<String, String>,
}

/// A watched file cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// Reason why it cannot be read.
    pub reason: String,
}

impl TextWatcher {
    /// Watches `path`, whose text is known to be `text`.
    pub fn new(path: &Path, text: impl Into<String>) -> Self {
        Self { polled: Polled::new(path), read: None, reported: Ok(text.into()) }
    }

    /// The text of the file, if it has changed and two looks in a row have found the file in the same
    /// state: a file that is being written in place is left for the next look. [`Unreadable`] is
    /// reported once; so is the former text when it comes back.
    pub fn check_files(&mut self) -> Option<Result<String, Unreadable>> {
        let state = self.polled.check_files(FileCheck::Periodic)?.clone();
        if self.read.as_ref() == Some(&state) {
            return None;
        }
        let text = match &state {
            Ok(identity) => read(self.polled.path(), identity).transpose()?,
            Err(reason) => Err(reason.clone()),
        };
        self.read = Some(state);
        if text == self.reported {
            return None;
        }
        self.reported.clone_from(&text);
        let path = self.polled.path();
        Some(text.map_err(|reason| Unreadable { path: path.to_owned(), reason }))
    }
}

/// The text of the file at `path`; `None` if the file has another identity when it has been read.
fn read(path: &Path, expected: &Identity) -> Result<Option<String>, String> {
    let (bytes, found) = read_bytes(path).map_err(|error| error.to_string())?;
    if found != *expected {
        return Ok(None);
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("longer than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| format!("not UTF-8: {error}"))
}

fn read_bytes(path: &Path) -> io::Result<(Vec<u8>, Identity)> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes, identity(&file.metadata()?)))
}
