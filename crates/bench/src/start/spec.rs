use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::target::Url;

/// A command that serves HTTP once it has started.
#[derive(Debug, Clone)]
pub struct StartCommand {
    /// The name in the report.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Additional environment variables.
    pub env: BTreeMap<String, String>,
    /// The first response with status 200 from this URL ends the start.
    pub url: Url,
    /// A request after that, the first inference.
    pub follow_up: Option<FollowUpRequest>,
    /// The URL at which the command reports the time of its `main` function and of loading.
    pub status_url: Option<Url>,
    /// The `authorization` header for that URL.
    pub status_token: Option<HeaderValue>,
}

/// A request after the first response.
#[derive(Debug, Clone)]
pub struct FollowUpRequest {
    /// Its URL.
    pub url: Url,
    /// Its JSON body; a GET without a body.
    pub body: Option<Bytes>,
}

/// An entry of the specification file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    command: Vec<String>,
    url: String,
    then_url: Option<String>,
    then_body: Option<Value>,
    status_url: Option<String>,
    status_token_file: Option<PathBuf>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// Reads a list of commands from a JSON file.
pub fn read_spec(file: &Path) -> Result<Vec<StartCommand>> {
    let text = fs::read_to_string(file).map_err(Error::io(file))?;
    let entries: Vec<Entry> = serde_json::from_str(&text).map_err(|error| Error::Line {
        path: file.to_owned(),
        line: error.line(),
        reason: format!("{error}; write a list of {{\"name\", \"command\", \"url\"}}"),
    })?;
    entries.into_iter().map(Entry::check).collect()
}

impl Entry {
    fn check(self) -> Result<StartCommand> {
        if self.command.is_empty() {
            return Err(Error::Options(format!("{}: the command is empty", self.name)));
        }
        let url: Url = self.url.parse()?;
        // A string is sent as it is: the body need not be JSON.
        let body = self.then_body.map(|body| match body {
            Value::String(text) => Bytes::from(text),
            value => Bytes::from(value.to_string()),
        });
        let follow_up = match (self.then_url, body) {
            (None, None) => None,
            (None, body) => Some(FollowUpRequest { url: url.clone(), body }),
            (Some(then_url), body) => Some(FollowUpRequest { url: then_url.parse()?, body }),
        };
        Ok(StartCommand {
            name: self.name,
            command: self.command,
            env: self.env,
            url,
            follow_up,
            status_url: self.status_url.map(|url| url.parse()).transpose()?,
            status_token: self.status_token_file.as_deref().map(read_token).transpose()?,
        })
    }
}

/// The `authorization` header for the token in a file.
pub(crate) fn read_token(file: &Path) -> Result<HeaderValue> {
    let token = fs::read_to_string(file).map_err(Error::io(file))?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
        .map_err(|_| Error::Options(format!("{}: not a valid token", file.display())))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str) -> Result<Vec<StartCommand>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        read_spec(file.path())
    }

    #[test]
    fn a_body_is_sent_to_the_first_url_unless_another_is_given() {
        let commands = read(
            r#"[{"name": "a", "command": ["x", "y"], "url": "http://h/", "then_body": {"k": 1}},
                {"name": "b", "command": ["x"], "url": "http://h/", "env": {"K": "V"},
                 "then_url": "http://h/embed", "status_url": "http://h/status"}]"#,
        )
        .unwrap();
        let follow_up = commands[0].follow_up.as_ref().unwrap();
        assert_eq!(
            (follow_up.url.to_string(), follow_up.body.as_deref()),
            ("http://h/".into(), Some(&b"{\"k\":1}"[..]))
        );
        assert!(commands[1].follow_up.as_ref().unwrap().body.is_none());
        assert_eq!(commands[1].env["K"], "V");
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        for (text, part) in [
            ("{}", "write a list of"),
            (r#"[{"name": "a", "command": ["x"]}]"#, "missing field `url`"),
            (r#"[{"name": "a", "command": [], "url": "http://h/"}]"#, "a: the command is empty"),
            (r#"[{"name": "a", "command": ["x"], "url": "https://h/"}]"#, "TLS"),
            (r#"[{"name": "a", "command": ["x"], "url": "http://h/", "x": 1}]"#, "unknown field"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
