//! As much of HTTP as asking a server on this machine takes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(120);

/// The answer to a GET.
pub(super) fn get(port: u16, path: &str) -> anyhow::Result<Value> {
    Ok(parsed(&exchange(port, &format!("GET {path} HTTP/1.1\r\n"), "")?.1))
}

/// The answer to a POST of JSON.
pub(super) fn post(port: u16, path: &str, body: &Value) -> anyhow::Result<Value> {
    Ok(parsed(&exchange(port, &format!("POST {path} HTTP/1.1\r\n"), &body.to_string())?.1))
}

/// The answer to a PUT of JSON.
pub(super) fn put(port: u16, path: &str, body: &Value) -> anyhow::Result<Value> {
    Ok(parsed(&exchange(port, &format!("PUT {path} HTTP/1.1\r\n"), &body.to_string())?.1))
}

/// A field of the head of the answer to a POST.
pub(super) fn post_for(port: u16, path: &str, body: &str, field: &str) -> anyhow::Result<String> {
    let (head, _) = exchange(port, &format!("POST {path} HTTP/1.1\r\n"), body)?;
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(field));
    Ok(found.with_context(|| format!("the answer has no {field}"))?.1.trim().to_owned())
}

fn parsed(content: &str) -> Value {
    serde_json::from_str(content).unwrap_or_default()
}

/// Head and content; anything but 200 is an error.
fn exchange(port: u16, line: &str, body: &str) -> anyhow::Result<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let request = format!(
        "{line}host: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, content) = answer.split_once("\r\n\r\n").context("the answer has no end of head")?;
    let status = head.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        bail!("{status}: {content}");
    }
    Ok((head.to_owned(), content.to_owned()))
}
