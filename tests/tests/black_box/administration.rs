//! The administration, for those who may and those who may not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use pilotlight_tests::{Server, outcome, pilotlight, send, test_guest};
use rustix::process::Signal;
use serde_json::Value;
use ureq::http::Request;

const TOKEN: &str = "correct-horse-battery-staple-0123";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn routes(arguments: &[&str]) -> Result<Value, String> {
    let output = pilotlight(&["routes", "--json"]).args(arguments).output().unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

#[test]
fn a_unix_socket_takes_the_place_of_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let guest = test_guest("p3");
    let server = Server::start(&[text(&guest), "--admin-socket", text(&socket)]);
    assert_eq!(
        (server.socket.as_str(), server.admin.as_str()),
        (&*format!("unix:{}", text(&socket)), "")
    );
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(routes(&["--admin", &server.socket]).unwrap()["functions"]["default"].is_object());
    let swap = |verb: &[&str]| outcome(pilotlight(verb).args(["--admin", &server.socket]));
    let other = folder.path().join("other.wasm");
    fs::write(&other, [fs::read(&guest).unwrap(), b"\0\x02\x01x".to_vec()].concat()).unwrap();
    assert_eq!(swap(&["swap", text(&other)]), (0, String::new()));
    assert_eq!(swap(&["swap", "--upload", text(&guest)]).0, 0);
    assert_eq!(swap(&["rollback"]).0, 0);
    let second =
        ["serve", text(&guest), "--listen", "127.0.0.1:0", "--admin-socket", text(&socket)];
    let (code, error) = outcome(&mut pilotlight(&second));
    assert!(code == 1 && error.contains("another process listens on it"), "{error}");
    assert_eq!(server.stop(), Some(0));
    assert!(!socket.exists());
}

/// `pilotlight` with a folder for sockets of its own.
fn in_session(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = pilotlight(arguments);
    command.env("XDG_RUNTIME_DIR", folder);
    command
}

#[test]
fn the_verbs_find_the_only_server_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, guest) = (folder.path(), test_guest("p3"));
    let (code, error) = outcome(&mut in_session(folder, &["routes"]));
    assert!(
        code == 1 && error.contains("no running server") && error.contains("--admin"),
        "{error}"
    );
    let server = Server::run(&mut in_session(folder, &["serve", text(&guest)]));
    let port = server.url.rsplit(':').next().unwrap();
    let socket = folder.join(format!("pilotlight/admin-{port}.sock"));
    assert_eq!(server.socket, format!("unix:{}", text(&socket)));
    let next = folder.join("next.wasm");
    fs::write(&next, [fs::read(&guest).unwrap(), b"\0\x02\x01x".to_vec()].concat()).unwrap();
    for verb in [&["routes", "--json"][..], &["swap", text(&next)], &["rollback"]] {
        assert_eq!(outcome(&mut in_session(folder, verb)), (0, String::new()));
    }
    let other = Server::run(&mut in_session(folder, &["serve", text(&guest)]));
    let (code, error) = outcome(&mut in_session(folder, &["rollback"]));
    assert!(code == 1 && error.contains("several servers"), "{error}");
    assert!(error.contains(&server.socket) && error.contains(&other.socket), "{error}");
    assert_eq!(other.stop(), Some(0));
    assert_eq!(outcome(&mut in_session(folder, &["routes"])).0, 0);
}

#[test]
fn a_server_without_a_folder_for_its_socket_serves_probes_and_metrics_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut serve = pilotlight(&["serve", text(&test_guest("p3"))]);
    // None of them is a folder, and the system's is not ours unless this is root.
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(cache.join("run"), "").unwrap();
    serve.args(["--cache-dir", text(&cache)]).env("PILOTLIGHT_CACHE_DIR", &file);
    let server = Server::run(serve.env("XDG_RUNTIME_DIR", &file).env("HOME", &file));
    let ready = Request::get(format!("{}/ready", server.admin)).body(vec![]).unwrap();
    assert_eq!(send(ready).status, 200);
}

#[test]
fn a_component_that_is_too_large_is_refused_and_nothing_of_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, guest) = (folder.path().join("cache"), test_guest("p3"));
    let limits = ["--max-upload-bytes", "64KiB", "--cache-dir", text(&cache)];
    let server = Server::start(&[&[text(&guest)], &limits[..]].concat());
    let files = || {
        let files = fs::read_dir(&cache).unwrap().map(|file| file.unwrap().file_name());
        files.collect::<std::collections::BTreeSet<_>>()
    };
    let before = files();
    let put = |length: usize| {
        let request = Request::put("/functions/default").header("content-type", "application/wasm");
        server.ask(request.body(vec![0; length]).unwrap())
    };
    let refused = put((64 << 10) + 1);
    assert_eq!((refused.status, &refused.json()["error_type"]), (413, &"payload_too_large".into()));
    assert!(refused.text.contains("--max-upload-bytes"), "{}", refused.text);
    assert_eq!(files(), before);
    assert_eq!(put(64 << 10).status, 422, "it is received, and no component");
    let swap = ["swap", "--upload", text(&guest), "--admin", &server.socket];
    let (code, error) = outcome(&mut pilotlight(&swap));
    assert!(code == 1 && error.contains("exceeds 65536 bytes"), "{error}");
}

#[test]
fn components_that_are_refused_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, guest) = (folder.path().join("cache"), test_guest("p3"));
    let server = Server::start(&[text(&guest), "--cache-dir", text(&cache)]);
    // Locks go with the next eviction, which nobody waits for.
    let components = || {
        let files = fs::read_dir(&cache).unwrap().map(|file| file.unwrap().path());
        let components = files.filter(|file| file.extension().is_some_and(|name| name == "wasm"));
        components.collect::<std::collections::BTreeSet<_>>()
    };
    let put = |body: Vec<u8>| {
        let request = Request::put("/functions/default").header("content-type", "application/wasm");
        server.ask(request.body(body).unwrap()).status
    };
    assert_eq!(put(fs::read(&guest).unwrap()), 200);
    let before = components();
    assert_eq!(before.len(), 1);
    for number in 0..5 {
        assert_eq!(put(vec![number; 10_000]), 422);
    }
    assert_eq!(components(), before);
}

#[test]
fn one_component_is_sent_for_a_function_at_a_time() {
    let guest = test_guest("p3");
    let server = Server::start(&[text(&guest)]);
    let put = |rest: &str| {
        format!(
            "PUT /functions/default HTTP/1.1\r\nhost: a\r\ncontent-type: application/wasm\r\n{rest}"
        )
    };
    let path = server.socket.strip_prefix("unix:").unwrap();
    let mut first = UnixStream::connect(path).unwrap();
    first.write_all(put("expect: 100-continue\r\ncontent-length: 4\r\n\r\n").as_bytes()).unwrap();
    let mut line = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    first.read_exact(&mut line).unwrap();
    assert!(line.starts_with(b"HTTP/1.1 100"), "it is being received");
    // Not asked for its body.
    let expects = put("connection: close\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
    let (head, body) = crate::http_acceptance::raw(&server.socket, &expects);
    assert!(head.starts_with("http/1.1 409") && body.contains("is in progress"), "{head}{body}");
    drop(first);
    let swap = ["swap", "--upload", text(&guest), "--admin", &server.socket];
    while outcome(&mut pilotlight(&swap)).0 != 0 {
        std::thread::yield_now();
    }
}

#[test]
fn limits_of_uploads_are_checked() {
    for (flag, value) in [("--max-upload-bytes", "1"), ("--upload-timeout", "0")] {
        let (code, error) = outcome(&mut pilotlight(&["serve", flag, value]));
        assert!(code == 2 && error.contains(flag), "{error}");
    }
}

#[test]
fn with_a_token_those_who_know_it_get_in_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let guest = test_guest("p3");
    let listen = ["--admin-listen", "0.0.0.0:0", "--admin-token-file", text(&token)];
    let server = Server::start(&[&[text(&guest)], &listen[..]].concat());
    let local = server.admin.replace("0.0.0.0", "127.0.0.1");
    let status =
        |path: &str| send(Request::get(format!("{local}{path}")).body(vec![]).unwrap()).status;
    assert_eq!([status("/ready"), status("/status"), status("/functions")], [200, 401, 401]);
    let refused = routes(&["--admin", &local]).unwrap_err();
    assert!(refused.contains("authorization: Bearer"), "{refused}");
    let known = ["--admin", &local, "--admin-token-file", text(&token)];
    assert!(routes(&known).unwrap()["functions"]["default"].is_object());
    let swap = ["swap", "--upload", text(&guest)];
    assert_eq!(outcome(pilotlight(&swap).args(known)).0, 0);
    assert_eq!(outcome(pilotlight(&swap).args(["--admin", &local])).0, 1);
}

#[test]
fn without_a_token_others_see_only_whether_it_is_there() {
    let guest = test_guest("p3");
    let server = Server::start(&[text(&guest), "--admin-listen", "0.0.0.0:0"]);
    let local = server.admin.replace("0.0.0.0", "127.0.0.1");
    let status =
        |path: &str| send(Request::get(format!("{local}{path}")).body(vec![]).unwrap()).status;
    assert_eq!([status("/health"), status("/ready"), status("/status")], [200, 200, 403]);
    let refused = routes(&["--admin", &local]).unwrap_err();
    assert!(refused.contains("is not local"), "{refused}");
}

#[test]
fn a_server_that_is_to_stop_is_not_ready_but_answers_until_others_have_noticed() {
    let guest = test_guest("p3");
    let server = Server::start(&[text(&guest), "--drain-delay", "600"]);
    let ready = || {
        let request = Request::get(format!("{}/ready", server.admin)).body(vec![]).unwrap();
        send(request).status
    };
    assert_eq!(ready(), 200);
    server.signal(Signal::TERM);
    while ready() != 503 {
        std::thread::yield_now();
    }
    assert_eq!(server.get("/count").status, 200);
    // The second time somebody does not want to wait.
    assert_eq!(server.stop(), Some(130));
}
