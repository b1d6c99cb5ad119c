use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// Reads a file with one JSON value for each line into request bodies, in order; empty lines are
/// skipped. With a field, each line is an object of which that field becomes `{"inputs": …}`.
pub fn read_corpus(file: &Path, field: Option<&str>) -> Result<Vec<Bytes>> {
    let text = fs::read_to_string(file).map_err(Error::io(file))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let bodies: Vec<Bytes> = lines
        .map(|(index, line)| {
            body(line, field).map_err(|reason| Error::Line {
                path: file.to_owned(),
                line: index + 1,
                reason,
            })
        })
        .collect::<Result<_>>()?;
    if bodies.is_empty() {
        let reason = "the file holds no line; write one JSON value per line".to_owned();
        return Err(Error::Line { path: file.to_owned(), line: 1, reason });
    }
    Ok(bodies)
}

fn body(line: &str, field: Option<&str>) -> std::result::Result<Bytes, String> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("not a JSON value: {error}"))?;
    let Some(field) = field else { return Ok(Bytes::copy_from_slice(line.trim().as_bytes())) };
    let inputs = value
        .get(field)
        .ok_or_else(|| format!("no field {field:?}; name another with --corpus-field"))?;
    Ok(Bytes::from(json!({ "inputs": inputs }).to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn lines_are_bodies_and_a_field_is_wrapped() {
        let corpus = file("{\"text\": \"a\"}\n\n{\"text\": \"b\"}\n");
        let whole = read_corpus(corpus.path(), None).unwrap();
        assert_eq!(whole, ["{\"text\": \"a\"}", "{\"text\": \"b\"}"]);
        let wrapped = read_corpus(corpus.path(), Some("text")).unwrap();
        assert_eq!(wrapped, ["{\"inputs\":\"a\"}", "{\"inputs\":\"b\"}"]);
    }

    #[test]
    fn refusals_name_the_line() {
        for (text, field, part) in [
            ("{}\nnonsense\n", None, "line 2: not a JSON value"),
            ("{\"text\": 1}\n{}\n", Some("text"), "line 2: no field \"text\""),
            ("\n\n", None, "holds no line"),
        ] {
            let message = read_corpus(file(text).path(), field).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
