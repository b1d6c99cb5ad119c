//! As much of HTTP as asking a server on this machine takes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use xtask::cargo::target;

const PATIENCE: Duration = Duration::from_secs(120);

/// A port that nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The token of every administration that this process starts and asks.
fn token() -> anyhow::Result<&'static str> {
    static TOKEN: OnceLock<String> = OnceLock::new();
    if let Some(token) = TOKEN.get() {
        return Ok(token);
    }
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(TOKEN.get_or_init(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A file with that token, for `--admin-token-file`.
pub(crate) fn token_file() -> anyhow::Result<String> {
    let path = target().join(format!("xtask-{}.token", std::process::id()));
    fs::create_dir_all(target())?;
    let options =
        fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
    options?.write_all(token()?.as_bytes())?;
    Ok(path.canonicalize()?.display().to_string())
}

/// The answer to a GET.
pub(crate) fn get(port: u16, path: &str) -> anyhow::Result<Value> {
    Ok(parsed(&exchange(port, &format!("GET {path} HTTP/1.1\r\n"), "")?.1))
}

/// The answer to a POST of JSON.
pub(crate) fn post(port: u16, path: &str, body: &Value) -> anyhow::Result<Value> {
    Ok(parsed(&exchange(port, &format!("POST {path} HTTP/1.1\r\n"), &body.to_string())?.1))
}

/// The answer to a PUT of JSON.
pub(crate) fn put(port: u16, path: &str, body: &Value) -> anyhow::Result<Value> {
    Ok(parsed(&exchange(port, &format!("PUT {path} HTTP/1.1\r\n"), &body.to_string())?.1))
}

/// A field of the head of the answer to a POST.
pub(crate) fn post_for(port: u16, path: &str, body: &str, field: &str) -> anyhow::Result<String> {
    let (head, _) = exchange(port, &format!("POST {path} HTTP/1.1\r\n"), body)?;
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(field));
    Ok(found.with_context(|| format!("the answer has no {field}"))?.1.trim().to_owned())
}

fn parsed(content: &str) -> Value {
    serde_json::from_str(content).unwrap_or_default()
}

/// What a server answered, whatever it was.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) content: String,
    /// It ended as HTTP says an answer ends.
    pub(crate) whole: bool,
}

/// Head and content; anything but 200 is an error.
fn exchange(port: u16, line: &str, body: &str) -> anyhow::Result<(String, String)> {
    let Answer { status, head, content, .. } = ask(port, line, body)?;
    if status != 200 {
        bail!("{status}: {content}");
    }
    Ok((head, content))
}

/// Sends a request, whose first line and own fields are `line`, and reads the answer to its end.
pub(crate) fn ask(port: u16, line: &str, body: &str) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (length, token) = (body.len(), token()?);
    let request = format!(
        "{line}host: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // What came before a connection broke is still an answer, and not a whole one.
    let read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let Some((head, content)) = answer.split_once("\r\n\r\n") else {
        read.context("waiting for the head of the answer")?;
        bail!("the answer has no end of head");
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let (content, ended) = if chunked { unchunked(content) } else { (content.to_owned(), true) };
    Ok(Answer {
        status: status.context("the answer has no status")?,
        head: head.to_owned(),
        content,
        whole: read.is_ok() && ended,
    })
}

/// What came in chunks (RFC 9112, 7.1), and whether the last of them came.
fn unchunked(mut rest: &str) -> (String, bool) {
    let mut content = String::new();
    loop {
        let Some((size, after)) = rest.split_once("\r\n") else { return (content, false) };
        match usize::from_str_radix(size, 16) {
            Ok(0) => return (content, after == "\r\n"),
            Ok(size) if after.is_char_boundary(size) && after[size..].starts_with("\r\n") => {
                content.push_str(&after[..size]);
                rest = &after[size + 2..];
            }
            _ => return (content, false),
        }
    }
}

/// A server on this machine that takes everything and says that it is well, until the process ends.
pub(crate) struct Sink(SocketAddr);

impl Sink {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who breaks off has got what it came for.
                std::thread::spawn(move || drop(swallow(stream)));
            }
        });
        Ok(Self(address))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

/// Answers every request with a length on one connection.
fn swallow(mut stream: TcpStream) -> std::io::Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let field = line.to_ascii_lowercase();
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut (&mut requests).take(length), &mut std::io::sink())?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}
