//! What the black-box tests share: where things were built, servers that stop when dropped,
//! and a client that never fails on a status.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

pub mod hosts;
pub mod refusals;

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server that should start takes less, even when it has to build everything first.
const PATIENCE: Duration = Duration::from_secs(180);

/// The workspace's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file that `cargo xtask` builds.
pub fn built(path: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let file = root().join(target).join(path);
    assert!(file.exists(), "{} is missing; run `cargo xtask build`", file.display());
    file
}

/// The snapshot of the default model.
pub fn component() -> PathBuf {
    built("pii-ner.wasm")
}

/// A guest of the tests: `p2` or `p3`.
pub fn test_guest(name: &str) -> PathBuf {
    built(&format!("wasm32-wasip2/guest/test_guest_{name}.wasm"))
}

/// A cache folder for all tests of this run.
pub fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| shared("cache"))
}

/// A folder for the sockets of all servers of this run.
pub fn runtime() -> &'static Path {
    static RUNTIME: OnceLock<PathBuf> = OnceLock::new();
    RUNTIME.get_or_init(|| shared("runtime"))
}

/// A folder that only this user can read. Tests that run in processes of their own share it.
pub fn shared(name: &str) -> PathBuf {
    let of_nextest = || {
        let id = std::env::var("NEXTEST_RUN_ID").ok()?;
        Some(std::env::temp_dir().join(format!("pilotlight-tests-{id}")))
    };
    let of_the_run = std::env::var_os(pilotlight_testing::RUN).map(PathBuf::from);
    let run = of_the_run.or_else(of_nextest);
    let folder = run.unwrap_or_else(|| tempfile::tempdir().unwrap().keep()).join(name);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
    folder
}

/// `pilotlight` with `arguments`.
pub fn pilotlight(arguments: &[&str]) -> Command {
    let mut command = Command::new(built("release/pilotlight"));
    command.args(arguments).env("PILOTLIGHT_CACHE_DIR", cache());
    command.env("XDG_RUNTIME_DIR", runtime());
    // What it does without is what users get.
    command.env_remove("PILOTLIGHT_GUEST").env_remove("ORT_DISABLE_TELEMETRY");
    command
}

/// Runs a command to its end and returns its exit code and standard error.
pub fn outcome(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&stderr).into_owned())
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Where the function is served.
    pub url: String,
    /// Where probes and metrics are served, with a token all of the administration; empty where that
    /// is nowhere, and for other people's servers.
    pub admin: String,
    /// The socket of the administration, `unix:PATH`; empty where there is none.
    pub socket: String,
}

impl Server {
    /// `pilotlight serve` on free ports, but for that of probes and metrics where `arguments` say where
    /// the administration is.
    pub fn start(arguments: &[&str]) -> Self {
        Self::run(pilotlight(&["serve"]).args(arguments))
    }

    /// A command that ends in `pilotlight serve`, on free ports, but for `--admin-listen` where it
    /// has that.
    pub fn run(command: &mut Command) -> Self {
        let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let admin = ["--admin-listen", "--admin-socket"].map(OsStr::new);
        let said = command.get_args().any(|argument| admin.contains(&argument));
        let ports = &ports[..if said { 2 } else { 4 }];
        Self::run_as_it_is(command.args(ports))
    }

    /// A command that ends in `pilotlight serve` and says where to listen.
    pub fn run_as_it_is(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let is_url = |word: &&str| {
            ["http:", "https:", "unix:"].iter().any(|scheme| word.starts_with(scheme))
        };
        let words = line.split_whitespace().map(|word| word.trim_end_matches(','));
        let mut urls = words.filter(is_url).map(str::to_owned);
        let url = urls.next().unwrap_or_else(|| panic!("no address in {line:?}"));
        let (socket, admin): (Vec<_>, Vec<_>) = urls.partition(|url| url.starts_with("unix:"));
        assert!(!(socket.is_empty() && admin.is_empty()), "no second address in {line:?}");
        let first = |urls: Vec<String>| urls.into_iter().next().unwrap_or_default();
        Self { child, url, admin: first(admin), socket: first(socket) }
    }

    /// Somebody else's server, once `url` answers.
    pub fn start_peer(command: &mut Command, url: &str) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (admin, socket) = (String::new(), String::new());
        let mut server = Self { child, url: url.to_owned(), admin, socket };
        let start = Instant::now();
        while ureq::get(format!("{url}/info")).call().is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended");
            assert!(start.elapsed() < PATIENCE, "no answer from {url}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Asks it to stop; returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap().code()
    }

    /// Asks the administration, over its socket; the URL of the request is a path.
    pub fn ask(&self, request: ureq::http::Request<Vec<u8>>) -> Answer {
        send_to_socket(&self.socket, &request)
    }

    /// `GET` from the administration, over its socket.
    pub fn status(&self, path: &str) -> Answer {
        self.ask(ureq::http::Request::get(path).body(Vec::new()).unwrap())
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Answer {
        send(ureq::http::Request::get(format!("{}{path}", self.url)).body(Vec::new()).unwrap())
    }

    /// `POST` of JSON text.
    pub fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = ureq::http::Request::post(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        send(request.body(body.into()).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: ureq::http::HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header's value, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends any request.
pub fn send(request: ureq::http::Request<Vec<u8>>) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let response = agent.run(request).unwrap();
    let (parts, body) = response.into_parts();
    let mut text = String::new();
    body.into_reader().read_to_string(&mut text).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

/// Sends a request to `unix:PATH` over a connection of its own; the URL of the request is a path.
pub fn send_to_socket(socket: &str, request: &ureq::http::Request<Vec<u8>>) -> Answer {
    let mut stream = UnixStream::connect(socket.strip_prefix("unix:").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    let length = request.body().len();
    head.push_str(&format!(
        "host: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    ));
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses the body may close before all of it is sent.
    let _ = stream.write_all(request.body());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| {
        let name: ureq::http::HeaderName = name.parse().unwrap();
        (name, ureq::http::HeaderValue::from_str(value).unwrap())
    });
    Answer { status, headers: fields.collect(), text: text.to_owned() }
}
