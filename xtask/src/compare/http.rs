//! As much of HTTP as asking a server on this machine takes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(120);

/// The answer to a GET.
pub(super) fn get(port: u16, path: &str) -> anyhow::Result<Value> {
    exchange(port, &format!("GET {path} HTTP/1.1\r\n"), "")
}

/// The answer to a POST of JSON.
pub(super) fn post(port: u16, path: &str, body: &Value) -> anyhow::Result<Value> {
    exchange(port, &format!("POST {path} HTTP/1.1\r\n"), &body.to_string())
}

/// Anything but 200 is an error.
fn exchange(port: u16, line: &str, body: &str) -> anyhow::Result<Value> {
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
    Ok(serde_json::from_str(content).unwrap_or_default())
}
