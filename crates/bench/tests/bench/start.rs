//! Starts of a small server in Python.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pilotlight_bench::report::StartReport;
use pilotlight_bench::{FollowUpRequest, StartCommand, Starts, plot, starts, table};

const SERVER: &str = r#"
import http.server, json, sys, time
main = time.time_ns() // 1000
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({"start": {"main_unix_us": main, "load_us": 1500}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("server-timing", "instantiate;dur=0.25")
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

/// The interpreter, unless this machine has none; then the test says so and passes.
fn python() -> Option<&'static str> {
    let found = std::process::Command::new("python3").arg("-c").arg("").status();
    if found.is_ok_and(|status| status.success()) {
        return Some("python3");
    }
    eprintln!("skipped: there is no python3");
    None
}

/// A port that nobody listens on. It is below those that a system hands out, or another test's
/// listener might be given it before it is used.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let mut ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok()).unwrap()
}

fn command(name: &str, arguments: &[&str], port: u16) -> StartCommand {
    let url = format!("http://127.0.0.1:{port}/");
    StartCommand {
        name: name.to_owned(),
        command: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        env: BTreeMap::new(),
        url: url.parse().unwrap(),
        follow_up: Some(FollowUpRequest {
            url: url.parse().unwrap(),
            body: Some(Bytes::from_static(b"{}")),
        }),
        status_url: Some(url.parse().unwrap()),
        status_token: None,
    }
}

fn once(command: StartCommand) -> Starts {
    let timeout = Duration::from_secs(30);
    Starts { commands: vec![command], starts: 1, discard: 0, timeout, seed: 1 }
}

#[test]
fn starts_are_measured_in_parts() {
    let Some(python) = python() else { return };
    let commands = ["<one>", "two"].map(|name| {
        let port = free_port();
        command(name, &[python, "-c", SERVER, &port.to_string()], port)
    });
    let options = Starts {
        commands: commands.to_vec(),
        starts: 2,
        discard: 1,
        timeout: Duration::from_secs(30),
        seed: 1,
    };
    let report = starts(&options, &|_| ()).unwrap();
    for target in &report.targets {
        assert_eq!(target.starts.len(), 2);
        for start in &target.starts {
            let process = start.process_start_ms.unwrap();
            assert!(process > 0.0 && process < start.total_ms, "{start:?}");
            assert_eq!((start.component_load_ms, start.instantiate_ms), (Some(1.5), Some(0.25)));
            assert!(start.first_inference_ms.unwrap() > 0.0);
            assert_eq!(start.memory.is_some(), cfg!(target_os = "linux"));
        }
    }
    assert!(report.ratios[0].total.is_some());
    let json = serde_json::to_string(&report).unwrap();
    assert!(serde_json::from_str::<StartReport>(&json).unwrap() == report);
    let svg = plot::start(&report);
    let tree = roxmltree::Document::parse(&svg).unwrap();
    assert!(tree.descendants().any(|node| node.text().is_some_and(|text| text.contains("<one>"))));
    assert!(table::start(&report).contains("<one>"));
}

#[test]
fn children_end_with_their_command() {
    let Some(python) = python() else { return };
    let port = free_port();
    let line = format!("{python} -c \"$0\" {port} & wait");
    let report = starts(&once(command("shell", &["sh", "-c", &line, SERVER], port)), &|_| ());
    assert_eq!(report.unwrap().targets[0].starts.len(), 1);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the server still runs");
}

#[test]
fn a_command_that_ends_shows_what_it_wrote() {
    let Some(python) = python() else { return };
    let script = "import sys; print('out'); sys.exit('no such model')";
    let error = starts(&once(command("broken", &[python, "-c", script], free_port())), &|_| ());
    let message = error.unwrap_err().to_string();
    for part in ["broken", "ended before its first response", "no such model"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_command_that_never_answers_is_given_up() {
    let Some(python) = python() else { return };
    let script = "import time; time.sleep(60)";
    let options = Starts {
        timeout: Duration::from_millis(300),
        ..once(command("mute", &[python, "-c", script], free_port()))
    };
    let message = starts(&options, &|_| ()).unwrap_err().to_string();
    assert!(message.contains("no 200 from") && message.contains("within 0.3 s"), "{message}");
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = once(command("second", &["nothing-to-run"], port));
    let message = starts(&options, &|_| ()).unwrap_err().to_string();
    assert!(message.contains("another server already listens"), "{message}");
}

#[test]
fn a_program_that_is_missing_is_named() {
    let options = once(command("absent", &["no-such-program-here"], free_port()));
    let message = starts(&options, &|_| ()).unwrap_err().to_string();
    assert!(message.contains("cannot start no-such-program-here"), "{message}");
}
