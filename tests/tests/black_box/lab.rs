use std::os::unix::fs::PermissionsExt as _;

use pilotlight_tests::{Server, built, pilotlight, test_guest};
use serde_json::{Value, json};

fn report(arguments: &[&str]) -> Value {
    let output = pilotlight(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn p3() -> String {
    test_guest("p3").to_str().unwrap().to_owned()
}

#[test]
fn the_server_says_where_the_time_of_a_request_went() {
    let server = Server::start(&[&p3(), "--server-timing"]);
    let answer = server.get("/count");
    let timing = answer.header("server-timing");
    for part in ["wait;desc=", "instantiate;dur=", "guest;dur="] {
        assert!(timing.contains(part), "{timing}");
    }
    let status = server.status("/status").json();
    assert_eq!(status["status"], "loaded");
    assert!(status["start"]["load_us"].as_u64() > Some(0), "{status}");
    let pool = &status["functions"]["default"]["current"]["pool"];
    let taken = ["acquired_ready", "acquired_inline"].map(|key| pool[key].as_u64().unwrap());
    assert_eq!(taken.iter().sum::<u64>(), 1, "{status}");
    assert_eq!(Server::start(&[&p3()]).get("/count").header("server-timing"), "");
}

#[test]
fn bench_measures_a_server_and_the_parts_of_its_cold_answers() {
    let server = Server::start(&[&p3(), "--server-timing"]);
    let target = format!("ours={}/count", server.url);
    let rate = ["--rate", "100", "--duration", "1s", "--warm-up", "100ms", "--json", "-"];
    let report = report(&[&["bench", "cold", "--target", &target][..], &rate].concat());
    let ours = &report["targets"][0];
    assert_eq!((&ours["name"], &ours["summary"]["requests"]), (&json!("ours"), &json!(100)));
    assert_eq!(ours["summary"]["errors"]["statuses"], json!({}));
    assert!(ours["parts"]["instantiate"].is_object(), "{ours}");
}

#[test]
fn bench_start_tells_the_parts_of_a_start() {
    // Fills the cache, and finds two ports that were free a moment ago.
    let server = Server::start(&[&p3()]);
    let (url, admin) = (server.url.clone(), server.admin.clone());
    drop(server);
    let (listen, admin_listen) = (&url["http://".len()..], &admin["http://".len()..]);
    let (url, status) = (format!("{url}/count"), format!("{admin}/status"));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "correct-horse-battery-staple-0123").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let token = token.to_str().unwrap();
    let options = ["--starts", "2", "--url", &url, "--status-url", &status, "--json", "-"];
    let options = [&options[..], &["--status-token-file", token]].concat();
    let binary = built("release/pilotlight");
    let server = [binary.to_str().unwrap(), "serve", &p3(), "--server-timing"].map(str::to_owned);
    let server: Vec<&str> = server.iter().map(String::as_str).collect();
    let listeners =
        ["--listen", listen, "--admin-listen", admin_listen, "--admin-token-file", token];
    let words = [&["bench", "start"][..], &options, &["--"], &server, &listeners].concat();
    let report = report(&words);
    let summary = &report["targets"][0]["summary"];
    for part in ["total", "process_start", "component_load", "instantiate"] {
        assert_eq!(summary[part]["count"], 2, "{part}: {summary}");
    }
}
