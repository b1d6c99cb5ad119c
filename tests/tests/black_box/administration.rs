//! The administration, for those who may and those who may not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

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
    assert_eq!(server.admin, format!("unix:{}", text(&socket)));
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(routes(&["--admin", &server.admin]).unwrap()["functions"]["default"].is_object());
    let swap = |verb: &[&str]| outcome(pilotlight(verb).args(["--admin", &server.admin]));
    let other = folder.path().join("other.wasm");
    fs::write(&other, [fs::read(&guest).unwrap(), b"\0\x02\x01x".to_vec()].concat()).unwrap();
    assert_eq!(swap(&["swap", text(&other)]), (0, String::new()));
    assert_eq!(swap(&["swap", "--upload", text(&guest)]).0, 0);
    assert_eq!(swap(&["rollback"]).0, 0);
    let second =
        ["serve", text(&guest), "--listen", "127.0.0.1:0", "--admin-socket", text(&socket)];
    let (code, error) = outcome(&mut pilotlight(&second));
    assert!(code == 1 && error.contains("another process listens there"), "{error}");
    assert_eq!(server.stop(), Some(0));
    assert!(!socket.exists());
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
