//! What the host tells of itself: `/metrics`, traces, the log.

mod export;
mod metrics;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pilotlight_testing::telemetry::value;
use pilotlight_tests::{Server, send, test_guest};
use serde_json::json;
use tempfile::TempDir;
use ureq::http::Request;

const PATIENCE: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// Nothing else that is asked looks like it.
const SECRET: &str = "Ada-Lovelace-of-London";

/// The guest of the tests as another version, by what it is called.
fn version(folder: &TempDir, name: &str) -> PathBuf {
    let mut bytes = fs::read(test_guest("p3")).unwrap();
    bytes.extend_from_slice(&[0, 1 + name.len() as u8, name.len() as u8]);
    bytes.extend_from_slice(name.as_bytes());
    let path = folder.path().join(format!("{name}.wasm"));
    fs::write(&path, bytes).unwrap();
    path
}

fn digest(path: &Path) -> String {
    pilotlight_model::Digest::of(&fs::read(path).unwrap()).to_string()[..12].to_owned()
}

fn metrics(server: &Server) -> String {
    let request = Request::get(format!("{}/metrics", server.admin)).body(Vec::new());
    send(request.unwrap()).text
}

/// The labels of the version that is made from a file.
fn labels(path: &Path) -> String {
    format!("function=\"default\",version=\"{}\"", digest(path))
}

/// A count once it is as it should be: a request is counted when its answer has left, which may be
/// after it was read.
#[track_caller]
fn reaches(server: &Server, series: &str, count: f64) {
    let start = Instant::now();
    while value(&metrics(server), series) != Some(count) {
        let text = metrics(server);
        assert!(start.elapsed() < PATIENCE, "{series} never was {count}:\n{text}");
        std::thread::yield_now();
    }
}

fn swap(server: &Server, source: &Path) -> u16 {
    let body = json!({"source": source}).to_string().into_bytes();
    let request = Request::put("/functions/default").header("content-type", "application/json");
    server.ask(request.body(body).unwrap()).status
}

fn roll_back(server: &Server) -> u16 {
    let request =
        Request::post("/functions/default/rollback").header("content-type", "application/json");
    server.ask(request.body(Vec::new()).unwrap()).status
}

fn p3() -> PathBuf {
    test_guest("p3")
}
