use std::process::{Child, Stdio};

use pilotlight_tests::{Server, built, component, outcome, pilotlight, root, test_guest};
use serde_json::json;

fn p3() -> String {
    test_guest("p3").to_str().unwrap().to_owned()
}

#[test]
fn the_administration_answers_on_its_own_listener() {
    let server = Server::start(&[&p3()]);
    let admin = |path: &str| {
        let request = ureq::http::Request::get(format!("{}{path}", server.admin));
        pilotlight_tests::send(request.body(vec![]).unwrap())
    };
    assert_eq!(admin("/health").json(), json!({"status": "ok"}));
    assert_eq!(admin("/ready").json(), json!({"status": "ready"}));
    assert_eq!(server.status("/other").status, 404);
    let posted = ureq::http::Request::post(format!("{}/health", server.admin));
    let refused = pilotlight_tests::send(posted.body(vec![]).unwrap());
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"));
    assert_eq!(server.get("/health").text, "nothing at /health");
}

#[test]
fn a_stopped_server_finishes_what_it_has_begun_and_exits_0() {
    let server = Server::start(&[component().to_str().unwrap()]);
    // Some seconds of work: long enough for the signal to arrive in the middle.
    let body = json!({"inputs": "Ada Lovelace lives in London. ".repeat(300)}).to_string();
    let url = server.url.clone();
    let request = std::thread::spawn(move || {
        let request = ureq::http::Request::post(url).header("content-type", "application/json");
        pilotlight_tests::send(request.body(body.into_bytes()).unwrap())
    });
    let status = || {
        let status = server.status("/status").json();
        let pool = &status["functions"]["default"]["current"]["pool"];
        ["acquired_ready", "acquired_inline"]
            .iter()
            .filter_map(|key| pool[*key].as_u64())
            .sum::<u64>()
    };
    while status() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(server.stop(), Some(0));
    assert_eq!(request.join().unwrap().status, 200);
}

#[test]
fn mistakes_on_the_command_line_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.wasm");
    std::fs::write(&text, "not wasm").unwrap();
    let core = folder.path().join("core.wasm");
    std::fs::write(&core, b"\0asm\x01\0\0\0").unwrap();
    let empty = folder.path().join("empty.wasm");
    std::fs::write(&empty, b"\0asm\x0d\0\x01\0").unwrap();
    for (file, reason) in [
        (&text, "is not a WebAssembly component"),
        (&core, "is a core WebAssembly module"),
        (&empty, "exports neither wasi:http/handler"),
        (&folder.path().join("absent.wasm"), "absent.wasm"),
    ] {
        let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut command = pilotlight(&["serve", file.to_str().unwrap()]);
        let (code, error) = outcome(command.args(ports));
        assert_eq!(code, 1, "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, error) = outcome(&mut pilotlight(&["serve", &p3(), "--listen", &address]));
    assert!(code == 1 && error.contains(&format!("cannot listen on {address}")), "{error}");
    assert_eq!(outcome(&mut pilotlight(&["serve", "--no-such-option"])).0, 2);
}

#[test]
fn a_damaged_or_foreign_cache_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let arguments = [&p3(), "--cache-dir", cache.to_str().unwrap()];
    drop(Server::start(&arguments));
    for entry in std::fs::read_dir(&cache).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            // Of the right length, but not machine code.
            let length = path.metadata().unwrap().len() as usize;
            std::fs::write(&path, vec![0; length]).unwrap();
        }
    }
    assert_eq!(Server::start(&arguments).get("/count").text, "1");
}

#[test]
fn many_starts_at_once_share_one_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let arguments = [&p3(), "--cache-dir", cache.to_str().unwrap()];
    std::thread::scope(|scope| {
        let servers: Vec<_> = (0..4).map(|_| scope.spawn(|| Server::start(&arguments))).collect();
        for server in servers {
            assert_eq!(server.join().unwrap().get("/count").text, "1");
        }
    });
}

/// Ends the example when the test is over, however it ends.
struct Example(Child);

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_function_mounts_in_an_axum_application() {
    use std::io::BufRead as _;
    let mut command = std::process::Command::new(built("release/examples/embed_axum"));
    command.args([&p3(), "127.0.0.1:0"]).env("XDG_CACHE_HOME", pilotlight_tests::cache());
    let mut example = Example(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let stdout = example.0.stdout.take().unwrap();
    std::io::BufReader::new(stdout).read_line(&mut line).unwrap();
    let url = line.trim().rsplit(' ').next().unwrap();
    let get = |path: &str| {
        let request = ureq::http::Request::get(format!("{url}{path}"));
        pilotlight_tests::send(request.body(vec![]).unwrap()).text
    };
    assert_eq!(get("/count"), "1");
    assert_eq!(get("/hello"), "hello");
}

#[test]
fn the_spin_manifest_serves_what_xtask_builds() {
    let text = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    assert_eq!(manifest["spin_manifest_version"].as_integer(), Some(2));
    let component = &manifest["component"]["pii-ner"];
    assert_eq!(component["source"].as_str(), Some("target/pii-ner.wasm"));
    assert_eq!(component["build"]["command"].as_str(), Some("cargo xtask build"));
    assert_eq!(component["allowed_outbound_hosts"].as_array().map(Vec::len), Some(0));
    let trigger = &manifest["trigger"]["http"][0];
    assert_eq!(trigger["route"].as_str(), Some("/..."));
    assert_eq!(trigger["component"].as_str(), Some("pii-ner"));
    assert_eq!(manifest["application"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
}
