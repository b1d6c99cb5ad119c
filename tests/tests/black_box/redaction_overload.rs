//! Redaction at three times what a server can take, while its backend is killed: no text passes unmasked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pilotlight_tests::{Server, root};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;

use crate::deidentification::{TEXT, leaks};
use crate::host_compute::{graph_status, serve};

/// Names the number of texts, if it is not [`TEXTS`].
const VARIABLE: &str = "PILOTLIGHT_REDACTION_TEXTS";
const TEXTS: usize = 2_000;
/// Texts that differ.
const VARIANTS: usize = 32;
/// Requests that the server processes, and as many that wait.
const CONCURRENT: usize = 2;
/// Callers for each of these.
const OVERLOAD: usize = 3;
const KILLS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(120);

/// Ways to redact a text.
const PATHS: [&str; 3] = ["/v1/redact", "/beta/litellm_basic_guardrail_api", "/v1/redact/stream"];

/// How a text passes, or that it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Passed(String),
    Refused,
}

/// Sends texts, each over a connection of its own.
struct Caller {
    agent: Agent,
    url: String,
}

impl Caller {
    fn new(server: &Server) -> Self {
        let config = Agent::config_builder();
        // A refusal can end the connection.
        let config = config.http_status_as_error(false).max_idle_connections(0);
        let config = config.timeout_global(Some(PATIENCE));
        Self { agent: config.build().into(), url: server.url.clone() }
    }

    /// Redacts text `number` in one of the ways.
    fn redact(&self, number: usize) -> Outcome {
        let path = PATHS[number % PATHS.len()];
        let text = text(number);
        let (content_type, body) = match path {
            "/v1/redact" => ("application/json", json!({ "text": text }).to_string()),
            "/v1/redact/stream" => ("text/plain", text),
            _ => ("application/json", json!({ "texts": [text] }).to_string()),
        };
        let request = Request::post(format!("{}{path}", self.url));
        let request = request.header("content-type", content_type).body(body).unwrap();
        let mut response = self.agent.run(request).unwrap();
        let status = response.status().as_u16();
        let answer = response.body_mut().read_to_string().unwrap();
        assert!(!leaks(&answer), "text {number} passes unmasked: {status} {answer}");
        if status != 200 {
            assert!([503, 504].contains(&status), "{path}: {status} {answer}");
            return Outcome::Refused;
        }
        passed(path, answer)
    }
}

/// What has passed, of an answer with status 200.
fn passed(path: &str, answer: String) -> Outcome {
    let json: Value = serde_json::from_str(&answer).unwrap_or_default();
    match path {
        // The stream had begun.
        "/v1/redact/stream" if answer.contains("[error: ") => Outcome::Refused,
        "/v1/redact/stream" => Outcome::Passed(answer),
        "/v1/redact" => Outcome::Passed(json["text"].as_str().unwrap().to_owned()),
        _ => Outcome::Passed(json["texts"][0].as_str().unwrap().to_owned()),
    }
}

fn variant(number: usize) -> usize {
    number % (VARIANTS * PATHS.len())
}

fn text(number: usize) -> String {
    format!("{TEXT} It is about order {}.", variant(number) / PATHS.len() + 1)
}

fn texts() -> usize {
    let given = std::env::var(VARIABLE).ok();
    given.map_or(TEXTS, |count| count.parse().unwrap_or_else(|_| panic!("{VARIABLE}={count}")))
}

fn process(server: &Server) -> Value {
    graph_status(server)["process"].clone()
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills the backend each time that another part of the texts has been sent.
fn kill(server: &Server, sent: &AtomicUsize, texts: usize) {
    for time in 1..=KILLS {
        let enough = texts * time / (KILLS + 1);
        wait_until("sent", || sent.load(Ordering::Relaxed) >= enough);
        wait_until("running", || process(server)["id"].is_i64());
        let id = process(server)["id"].as_i64().unwrap();
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), Signal::KILL).unwrap();
        wait_until("started again", || process(server)["restarts"] == time);
    }
}

#[test]
fn no_text_passes_unmasked_while_the_server_is_overloaded_and_its_backend_is_killed() {
    let model = root().join("models/pii-ner");
    let [concurrent, queue] = [CONCURRENT, CONCURRENT].map(|count| count.to_string());
    let limits = ["--concurrent-requests", &concurrent, "--queue", &queue, "--precision", "f32"];
    let server =
        serve(model.to_str().unwrap(), "native", &[&limits[..], &["--isolate-backend"]].concat());
    let caller = Caller::new(&server);
    let expected: BTreeMap<usize, Outcome> =
        (0..VARIANTS * PATHS.len()).map(|number| (number, caller.redact(number))).collect();
    assert!(!expected.values().any(|outcome| *outcome == Outcome::Refused), "{expected:?}");
    let (texts, next, refused) = (texts(), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..OVERLOAD * CONCURRENT * 2 {
            scope.spawn(|| {
                let caller = Caller::new(&server);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= texts {
                        return;
                    }
                    match caller.redact(number) {
                        Outcome::Refused => _ = refused.fetch_add(1, Ordering::Relaxed),
                        passed => assert_eq!(passed, expected[&variant(number)], "text {number}"),
                    }
                }
            });
        }
        kill(&server, &next, texts);
    });
    let refused = refused.into_inner();
    assert!((1..texts).contains(&refused), "{refused} of {texts} texts were refused");
    wait_until("answered again", || caller.redact(0) == expected[&0]);
}
