//! Changing versions from outside: `/functions`, `swap`, `rollback`, `--watch`, kill -9.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pilotlight_tests::{Answer, Server, component, outcome, pilotlight, send, test_guest};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Request;

const PATIENCE: Duration = Duration::from_secs(60);

/// The guest of the tests as another version: what it answers is the same, its digest is not.
fn version(folder: &TempDir, name: &str) -> PathBuf {
    let mut bytes = fs::read(test_guest("p3")).unwrap();
    bytes.extend_from_slice(&[0, 1 + name.len() as u8, name.len() as u8]);
    bytes.extend_from_slice(name.as_bytes());
    let path = folder.path().join(format!("{name}.wasm"));
    fs::write(&path, bytes).unwrap();
    path
}

fn digest(path: &Path) -> String {
    pilotlight_model::Digest::of(&fs::read(path).unwrap()).to_string()
}

fn admin(server: &Server, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    server.ask(request(path, method, kind, body))
}

fn request(url: &str, method: &str, kind: &str, body: Vec<u8>) -> Request<Vec<u8>> {
    Request::builder().method(method).uri(url).header("content-type", kind).body(body).unwrap()
}

fn current(server: &Server) -> Value {
    admin(server, "GET", "/functions/default", "", vec![]).json()["current"]["sha256"].clone()
}

fn command(server: &Server, arguments: &[&str]) -> (i32, String) {
    outcome(pilotlight(arguments).args(["--admin", &server.socket]))
}

#[test]
fn versions_are_swapped_and_rolled_back_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| version(&folder, name));
    let server = Server::start(&[one.to_str().unwrap()]);
    let header = |answer: &Answer| answer.header("x-pilotlight-version").to_owned();
    assert_eq!(header(&server.get("/count")), format!("default@{}", &digest(&one)[..12]));
    let (code, log) = command(&server, &["swap", two.to_str().unwrap()]);
    assert_eq!(code, 0, "{log}");
    assert_eq!(header(&server.get("/count")), format!("default@{}", &digest(&two)[..12]));
    let (code, log) = command(&server, &["rollback"]);
    assert_eq!((code, current(&server)), (0, json!(digest(&one))), "{log}");
    fs::write(&two, b"half a compo").unwrap();
    let (code, log) = command(&server, &["swap", two.to_str().unwrap()]);
    assert!(code != 0 && log.contains("is not a WebAssembly component"), "{code} {log}");
    assert_eq!(current(&server), json!(digest(&one)));
    let (code, log) = command(&server, &["rollback", "--function", "other"]);
    assert!(
        code != 0 && log.contains("function other does not exist; functions are default"),
        "{log}"
    );
}

#[test]
fn a_component_can_be_sent_instead_of_named() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["three", "four"].map(|name| version(&folder, name));
    let server = Server::start(&[one.to_str().unwrap()]);
    let (code, log) = command(&server, &["swap", "--upload", two.to_str().unwrap()]);
    assert_eq!(code, 0, "{log}");
    let expected = digest(&two);
    // The server keeps its own.
    fs::remove_file(&two).unwrap();
    assert_eq!(current(&server), json!(expected));
    assert_eq!(server.get("/count").text, "1");
}

#[test]
fn changes_are_refused_to_web_pages_and_for_mistakes_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = version(&folder, "five");
    let server = Server::start(&[file.to_str().unwrap()]);
    let put = |kind: &str, body: &[u8]| {
        let answer = admin(&server, "PUT", "/functions/default", kind, body.to_vec());
        (answer.status, answer.json()["error_type"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(put("text/plain", b"{}"), (415, "unsupported_media_type".into()));
    assert_eq!(put("application/json", b"{"), (400, "malformed".into()));
    assert_eq!(put("application/json", b"{\"source\": 1}"), (422, "invalid".into()));
    assert_eq!(put("application/json", b"{\"source\": \"a\", \"b\": 1}"), (422, "invalid".into()));
    assert_eq!(put("application/json", b"{\"source\": \"/absent\"}"), (422, "refused".into()));
    assert_eq!(put("application/wasm", b"\0asm"), (422, "refused".into()));
    let page = Request::post("/functions/default/rollback")
        .header("content-type", "application/json")
        .header("origin", "http://example.com");
    assert_eq!(server.ask(page.body(vec![]).unwrap()).status, 403);
    let json = "application/json";
    let rollback =
        |name: &str| admin(&server, "POST", &format!("/functions/{name}/rollback"), json, vec![]);
    assert_eq!((rollback("default").status, rollback("other").status), (409, 404));
    assert_eq!(admin(&server, "DELETE", "/functions/default", "", vec![]).status, 405);
    assert_eq!(admin(&server, "GET", "/functions/default/more", "", vec![]).status, 404);
    assert_eq!(current(&server), json!(digest(&file)));
}

#[test]
fn versions_cannot_be_changed_by_the_network() {
    let file = test_guest("p3");
    for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
        let server = Server::start(&[file.to_str().unwrap(), "--admin-listen", listen]);
        let admin = server.admin.replace("0.0.0.0", "127.0.0.1");
        let json = "application/json";
        let body = json!({"source": file}).to_string().into_bytes();
        let functions = format!("{admin}/functions");
        let refused = send(request(&format!("{functions}/default"), "PUT", json, body));
        assert_eq!(refused.status, 403);
        let told = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(told.contains(&server.socket) && told.contains("--admin-token-file"), "{told}");
        assert_eq!(send(request(&functions, "GET", "", vec![])).status, 403);
        assert_eq!(server.get("/count").text, "1");
    }
}

#[test]
fn a_file_that_is_watched_takes_over_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let [file, next] = ["six", "seven"].map(|name| version(&folder, name));
    let server = Server::start(&["--watch", file.to_str().unwrap()]);
    let (before, after) = (digest(&file), digest(&next));
    assert_eq!(current(&server), json!(before));
    fs::rename(&next, &file).unwrap();
    let start = Instant::now();
    while current(&server) != json!(after) {
        assert!(start.elapsed() < PATIENCE, "the file never took over");
        std::thread::sleep(Duration::from_millis(20));
    }
    // What is no component is reported and changes nothing; what comes after it does.
    fs::write(&file, b"no component").unwrap();
    fs::rename(version(&folder, "eight"), &file).unwrap();
    let after = digest(&file);
    while current(&server) != json!(after) {
        assert!(start.elapsed() < PATIENCE * 2, "the file never took over");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_snapshot_brings_a_sample_along_and_has_to_answer_it() {
    let file = component();
    let output = pilotlight(&["inspect", "--json", file.to_str().unwrap()]).output().unwrap();
    let inspection: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sample = &inspection["manifest"]["sample"];
    assert_eq!(sample["answer"][0]["entity_group"], "GIVEN_NAME", "{sample}");
    let server = Server::start(&[test_guest("p3").to_str().unwrap()]);
    let (code, log) = command(&server, &["swap", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{log}");
    let answer = server.post("/", sample["request"].to_string());
    assert_eq!(answer.json()[0]["entity_group"], sample["answer"][0]["entity_group"]);
}

#[test]
fn killed_in_the_middle_of_a_swap_the_next_start_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let arguments = ["--cache-dir", cache.to_str().unwrap()];
    let [one, two] = ["nine", "ten"].map(|name| version(&folder, name));
    let server = Server::start(&[&[one.to_str().unwrap()][..], &arguments].concat());
    let swap = pilotlight(&["swap", two.to_str().unwrap(), "--admin", &server.socket]).spawn();
    // Compiling has begun once the lock of the entry that it makes is there.
    let locks = || {
        let names = fs::read_dir(&cache).unwrap().map(|file| file.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().ends_with(".lock")).count()
    };
    let start = Instant::now();
    while locks() < 2 {
        assert!(start.elapsed() < PATIENCE, "the swap never began");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(server);
    assert!(!swap.unwrap().wait().unwrap().success());
    for file in [&one, &two] {
        let server = Server::start(&[&[file.to_str().unwrap()][..], &arguments].concat());
        assert_eq!((server.get("/count").status, current(&server)), (200, json!(digest(file))));
    }
}
