//! HTTP requests to servers on this machine, each on its own connection.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};
use xtask::cargo::target;

const TIMEOUT: Duration = Duration::from_secs(120);

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder()
        // A request measures or tests a whole connection.
        .max_idle_connections(0)
        // A GET may have an empty body.
        .allow_non_standard_methods(true)
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .proxy(None);
    config.build().into()
});

/// A port that no server uses.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The token of all administration APIs that this process starts.
fn token() -> anyhow::Result<&'static str> {
    static TOKEN: OnceLock<String> = OnceLock::new();
    if let Some(token) = TOKEN.get() {
        return Ok(token);
    }
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(TOKEN.get_or_init(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A file that holds this token, for `--admin-token-file`.
pub(crate) fn token_file() -> anyhow::Result<String> {
    let path = target().join(format!("benchmarks-{}.token", std::process::id()));
    fs::create_dir_all(target())?;
    let options =
        fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
    options?.write_all(token()?.as_bytes())?;
    Ok(path.canonicalize()?.display().to_string())
}

/// The address of `path` on a server of this machine.
pub(crate) fn url(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

/// The JSON that a GET returns; null if the body is not JSON.
pub(crate) fn get(port: u16, path: &str) -> anyhow::Result<Value> {
    json(&Request::get(url(port, path)).body(String::new())?)
}

/// The JSON that a POST of JSON returns; null if the body is not JSON.
pub(crate) fn post(port: u16, path: &str, body: &Value) -> anyhow::Result<Value> {
    json(&Request::post(url(port, path)).body(body.to_string())?)
}

/// The JSON that a PUT of JSON returns; null if the body is not JSON.
pub(crate) fn put(port: u16, path: &str, body: &Value) -> anyhow::Result<Value> {
    json(&Request::put(url(port, path)).body(body.to_string())?)
}

fn json(request: &Request<String>) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&send_ok(request)?.body).unwrap_or_default())
}

/// A response with any status.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether the body ended as HTTP requires, and not because the connection was closed.
    pub(crate) complete: bool,
}

/// Sends a request; any status but 200 is an error.
pub(crate) fn send_ok(request: &Request<String>) -> anyhow::Result<Response> {
    let response = send(request)?;
    if response.status != 200 {
        bail!("{}: {}", response.status, response.body);
    }
    Ok(response)
}

/// Sends a request and reads the response up to its end.
///
/// # Errors
/// If there is no complete response head.
pub(crate) fn send(request: &Request<String>) -> anyhow::Result<Response> {
    let mut request = request.clone();
    let authorization = format!("Bearer {}", token()?).parse()?;
    request.headers_mut().insert("authorization", authorization);
    request.headers_mut().insert("content-type", "application/json".parse()?);
    let response = AGENT.run(request).context("waiting for the head of the response")?;
    let (head, body) = response.into_parts();
    let mut bytes = Vec::new();
    let read = body.into_reader().read_to_end(&mut bytes);
    Ok(Response {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
        complete: read.is_ok(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// The response to a POST, from a server that sends `text` and closes the connection.
    fn response(text: &'static str) -> anyhow::Result<Response> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while !lines.next().unwrap().unwrap().is_empty() {}
            stream.write_all(text.as_bytes()).unwrap();
        });
        let response = send(&Request::post(url(port, "/")).body(String::new()).unwrap());
        server.join().unwrap();
        response
    }

    #[test]
    fn a_body_is_complete_if_it_ends_as_http_requires() {
        for (text, body, complete) in [
            ("content-length: 2\r\n\r\nok", "ok", true),
            ("content-length: 3\r\n\r\nok", "ok", false),
            ("transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", true),
            ("transfer-encoding: chunked\r\n\r\n2\r\nok\r\n", "ok", false),
        ] {
            let text: &'static str = format!("HTTP/1.1 200 OK\r\n{text}").leak();
            let response = response(text).unwrap();
            assert_eq!((&*response.body, response.complete), (body, complete), "{text}");
        }
    }

    #[test]
    fn a_status_is_not_an_error_of_send() {
        let refused = response("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(refused.unwrap().status, 503);
        assert!(response("HTTP/1.1 200 OK\r\n").is_err());
    }
}
