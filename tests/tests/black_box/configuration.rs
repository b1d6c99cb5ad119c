//! `pilotlight.toml`: checked, served, followed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pilotlight_tests::{Server, component, outcome, pilotlight, send, test_guest};
use serde_json::Value;
use tempfile::TempDir;
use ureq::http::Request;

use crate::http_acceptance::raw;

const PATIENCE: Duration = Duration::from_secs(60);

const TWO: &str = r#"
[functions.default]
source = "one.wasm"

[functions.other]
source = "two.wasm"

[[routes]]
match = { path = "/other/*" }
to = "other"

[[routes]]
to = "default"
"#;

/// A folder with two components and a configuration.
fn folder(configuration: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        let mut bytes = fs::read(test_guest("p3")).unwrap();
        bytes.extend_from_slice(&[0, 4, 3]);
        bytes.extend_from_slice(name.as_bytes());
        fs::write(folder.path().join(format!("{name}.wasm")), bytes).unwrap();
    }
    let file = folder.path().join("pilotlight.toml");
    fs::write(&file, configuration).unwrap();
    (folder, file)
}

fn serve(file: &Path) -> Server {
    Server::start(&["--config", file.to_str().unwrap()])
}

/// The function that answers.
fn asked(server: &Server, path: &str) -> String {
    let answer = server.get(path);
    let label = answer.header("x-pilotlight-version");
    label.split_once('@').map_or_else(|| answer.status.to_string(), |(name, _)| name.to_owned())
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn routes(server: &Server) -> Value {
    server.status("/routes").json()
}

#[test]
fn functions_and_routes_are_served_and_shown() {
    let (_folder, file) = folder(TWO);
    let server = serve(&file);
    assert_eq!(asked(&server, "/other/x"), "other");
    assert_eq!(asked(&server, "/x"), "default");
    assert_eq!(routes(&server)["routes"][1]["targets"][0][0], "default");
    let shown = pilotlight(&["routes", "--admin", &server.socket]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("100.00 %  other") && shown.contains("two.wasm"), "{shown}");
}

const BEHIND_A_PROXY: &str = r#"
[http]
trusted-proxies = ["127.0.0.1"]
[auth.open]
rate = 0.001
burst = 1
[[routes]]
match = { client = ["192.0.2.0/24"], path = "/limited/*" }
to = "other"
auth = "open"
[[routes]]
match.client = ["127.0.0.0/8"]
to = "other"
[[routes]]
to = "default"
[functions.default]
source = "one.wasm"
[functions.other]
source = "two.wasm"
"#;

#[test]
fn routes_and_rates_are_for_the_client_behind_a_trusted_proxy() {
    let routes = BEHIND_A_PROXY;
    let (_folder, file) = folder(routes);
    let server = serve(&file);
    let ask = |path: &str, client: &str| {
        let request = Request::get(format!("{}{path}", server.url));
        let request = request.header("x-forwarded-for", client).body(vec![]).unwrap();
        let answer = send(request);
        let label = answer.header("x-pilotlight-version").to_owned();
        label.split_once('@').map_or_else(|| answer.status.to_string(), |(name, _)| name.to_owned())
    };
    assert_eq!(asked(&server, "/x"), "other", "the proxy itself");
    assert_eq!(ask("/x", "198.51.100.7"), "default");
    assert_eq!(ask("/x", "127.0.0.2, 198.51.100.7"), "default", "what the client has sent");
    assert_eq!(ask("/x", "nonsense"), "400");
    let limited = |client| ask("/limited/x", client);
    assert_eq!([limited("192.0.2.1"), limited("192.0.2.1")], ["other", "429"]);
    assert_eq!([limited("192.0.2.2"), limited("192.0.2.2")], ["other", "429"]);
    fs::write(&file, routes.replace(r#"["127.0.0.1"]"#, "[]")).unwrap();
    let server = serve(&file);
    let request =
        Request::get(format!("{}/x", server.url)).header("x-forwarded-for", "198.51.100.7");
    let answer = send(request.body(vec![]).unwrap());
    assert!(answer.header("x-pilotlight-version").starts_with("other@"), "it is not believed");
}

#[test]
fn routes_and_rates_are_for_the_client_that_the_proxy_protocol_names() {
    let (_folder, file) =
        folder(&BEHIND_A_PROXY.replace("[http]", "[http]\nproxy-protocol = true"));
    let server = serve(&file);
    let ask = |path: &str, client: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let (head, _) =
            raw(&server.url, &format!("PROXY TCP4 {client} 127.0.0.1 1 2\r\n{request}"));
        let label = head.lines().find_map(|line| line.strip_prefix("x-pilotlight-version: "));
        match label.and_then(|label| label.split_once('@')) {
            Some((name, _)) => name.to_owned(),
            None => head.split(' ').nth(1).unwrap().to_owned(),
        }
    };
    assert_eq!(ask("/x", "198.51.100.7"), "default");
    assert_eq!(ask("/x", "127.0.0.9"), "other");
    let limited = |client| ask("/limited/x", client);
    assert_eq!([limited("192.0.2.1"), limited("192.0.2.1")], ["other", "429"]);
    assert_eq!([limited("192.0.2.2"), limited("192.0.2.2")], ["other", "429"]);
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let (_folder, file) =
        folder("listen = 5\n[functions.a]\nsorce = \"x\"\n[[routes]]\nto = \"b\"\n");
    let checked = pilotlight(&["check", file.to_str().unwrap()]).output().unwrap();
    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(!checked.status.success());
    for part in [":1:10:", ":3:1:", "sorce", "source", ":5:"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    let served = pilotlight(&["serve", "--config", file.to_str().unwrap()]).output().unwrap();
    let told = String::from_utf8(served.stderr).unwrap();
    assert!(
        !served.status.success() && told.contains(":1:10:") && told.contains(":3:1:"),
        "{told}"
    );
}

#[test]
fn files_that_are_missing_are_warned_of_and_told_once() {
    let (_folder, file) = folder(
        "admin.token-file = \"token\"\ncache-dir = \"new\"\n[functions.a]\nsource = \"no.wasm\"\n",
    );
    let (code, told) = outcome(&mut pilotlight(&["check", file.to_str().unwrap()]));
    let warnings: Vec<_> = told.lines().collect();
    assert_eq!((code, warnings.len()), (0, 2), "{told}");
    for (warning, part) in warnings.iter().zip([":1:20: admin.token-file: ", ":4:10: functions.a."])
    {
        assert!(warning.starts_with("warning: ") && warning.contains(part), "{warning}");
    }
    let (code, told) = outcome(&mut pilotlight(&["serve", "no-such-model"]));
    let reasons = told.matches("No such file or directory").count();
    assert_eq!((code, reasons), (1, 1), "{told}");
}

#[test]
fn flags_have_the_bounds_of_the_keys_that_say_the_same() {
    let guest = test_guest("p3");
    let refused = |flags: &[&str]| {
        let mut serve = pilotlight(&["serve", guest.to_str().unwrap()]);
        let (code, told) = outcome(serve.args(flags));
        assert_ne!(code, 0, "{flags:?}");
        told
    };
    for (flags, expected) in [
        (["--max-body-bytes", "0"], "must be 1KiB to 4GiB"),
        (["--body-memory", "5"], "must be 1MiB to 1024GiB"),
        (["--body-memory-per-address", "5"], "must be 1KiB to 1024GiB"),
        (["--body-rate", "4294967296"], "must be 0 to 4294967295"),
        (["--listen", "127.0.0.1:3001"], "overlaps --listen 127.0.0.1:3001"),
        (["--min-ready", "129"], "--min-ready must be at most --max-instances, 128"),
    ] {
        let told = refused(&flags);
        assert!(told.contains(expected), "{told}");
    }
    let told = refused(&["--listen", "0.0.0.0:25999", "--admin-listen", "127.0.0.1:25999"]);
    assert!(told.contains("127.0.0.1:25999 overlaps --listen 0.0.0.0:25999"), "{told}");
}

#[test]
fn a_valid_change_takes_effect_and_an_invalid_one_does_not() {
    let (_folder, file) = folder(TWO);
    let server = serve(&file);
    // Renamed over, as editors do.
    let beside = file.with_extension("new");
    fs::write(&beside, TWO.replace("to = \"default\"", "to = \"other\"")).unwrap();
    fs::rename(&beside, &file).unwrap();
    until("changed", || asked(&server, "/x") == "other");
    // In place: first what is no configuration, then what names a file that is not there.
    fs::write(&file, "[functions").unwrap();
    fs::write(&file, TWO.replace("one.wasm", "none.wasm")).unwrap();
    let server = &server;
    let hang_up = || server.signal(rustix::process::Signal::HUP);
    hang_up();
    assert_eq!(asked(server, "/x"), "other");
    // One function, without routes.
    fs::write(&file, "[functions.only]\nsource = \"two.wasm\"\n").unwrap();
    hang_up();
    until("changed", || asked(server, "/other/x") == "only" && asked(server, "/x") == "only");
    let functions = routes(server)["functions"].as_object().unwrap().len();
    assert_eq!(functions, 1);
}

#[test]
fn a_source_may_come_after_the_configuration_that_names_it() {
    let (folder, file) = folder(TWO);
    let server = serve(&file);
    let at = |name: &str| folder.path().join(name);
    fs::write(&file, TWO.replace("one.wasm", "late.wasm")).unwrap();
    server.signal(rustix::process::Signal::HUP);
    // Nobody says that it has come.
    fs::copy(at("two.wasm"), at("late.wasm")).unwrap();
    let source = || routes(&server)["functions"]["default"]["current"]["source"].to_string();
    until("loaded", || source().contains("late.wasm"));
}

#[test]
fn a_config_map_is_followed_through_its_links() {
    use std::os::unix::fs::symlink;
    let (folder, file) = folder(TWO);
    fs::remove_file(&file).unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("v1", TWO.to_owned()), ("v2", TWO.replace("/other/*", "/o/*"))] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("pilotlight.toml"), text).unwrap();
    }
    symlink("v1", at("..data")).unwrap();
    symlink("..data/pilotlight.toml", &file).unwrap();
    let server = serve(&file);
    assert_eq!(asked(&server, "/o/x"), "default");
    symlink("v2", at("..next")).unwrap();
    fs::rename(at("..next"), at("..data")).unwrap();
    until("changed", || asked(&server, "/o/x") == "other");
}

#[test]
fn environments_and_flags_have_the_last_word() {
    let text = format!("{TWO}\n[env.staging.functions.other.pool]\nmin-ready = 2\n");
    let (_folder, file) = folder(&text);
    let file = file.to_str().unwrap();
    let ready = |arguments: &[&str]| {
        let server = Server::start(&[&["--config", file], arguments].concat());
        let target =
            |name: &str| routes(&server)["functions"][name]["current"]["pool"]["target"].clone();
        (target("default").as_u64().unwrap(), target("other").as_u64().unwrap())
    };
    assert_eq!(ready(&[]), (4, 4));
    assert_eq!(ready(&["--env", "staging"]), (4, 2));
    let set = ["--env", "staging", "--set", "functions.other.pool.min-ready=1"];
    assert_eq!(ready(&set), (4, 1));
}

#[test]
fn answers_of_shadow_traffic_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let component = component();
    let text = format!(
        "[functions.default]\nsource = {component:?}\n[functions.next]\nsource = {component:?}\n\
         [[routes]]\nto = \"default\"\nshadow = {{ target = \"next\", share = 1.0 }}\n"
    );
    let file = folder.path().join("pilotlight.toml");
    fs::write(&file, text).unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    let answer = server.post("/v1/token-classification", r#"{"inputs": "My name is Ada."}"#);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let start = Instant::now();
    loop {
        let shadowed = routes(&server)["routes"][0]["shadowed"].clone();
        if shadowed["same"] == 1 {
            return;
        }
        let pending = ["different", "failed", "skipped"].iter().all(|key| shadowed[key] == 0);
        assert!(pending && start.elapsed() < PATIENCE, "{shadowed}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
