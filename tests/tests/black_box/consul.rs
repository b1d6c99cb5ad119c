//! A configuration in Consul's KV: served, followed, and remembered for when Consul is away.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pilotlight_testing::consul::{Agent, Answer};
use pilotlight_tests::{Server, outcome, pilotlight, test_guest};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "pilotlight/production";
const TOKEN: &str = "s3cret-t0ken";

/// A member of a fleet, with a cache folder of its own and a file that it logs to.
struct Member(TempDir);

impl Member {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    fn command(&self, url: &str) -> Command {
        let mut command = pilotlight(&["serve", "--consul", url]);
        command.env("PILOTLIGHT_CACHE_DIR", self.0.path().join("cache"));
        command.env("CONSUL_HTTP_TOKEN", TOKEN);
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        command.stderr(Stdio::from(log));
        command
    }

    fn serve(&self, agent: &Agent) -> Server {
        Server::run(&mut self.command(&agent.url(KEY)))
    }

    /// How often it has logged something.
    fn logged(&self, what: &str) -> usize {
        fs::read_to_string(self.log()).unwrap().matches(what).count()
    }
}

/// A configuration with one function.
fn function(name: &str) -> String {
    format!("[functions.{name}]\nsource = {:?}\n", test_guest("p3"))
}

/// The function that answers.
fn asked(server: &Server) -> String {
    let answer = server.get("/count");
    assert_eq!(answer.status, 200);
    answer.header("x-pilotlight-version").split_once('@').unwrap().0.to_owned()
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn refused(url: &str, cache: &Path) -> String {
    let mut command = pilotlight(&["serve", "--consul", url, "--listen", "127.0.0.1:0"]);
    command.env("PILOTLIGHT_CACHE_DIR", cache).env("CONSUL_HTTP_TOKEN", TOKEN);
    let (code, log) = outcome(&mut command);
    assert_eq!(code, 1, "{log}");
    assert!(!log.contains(TOKEN), "{log}");
    log
}

#[test]
fn a_fleet_follows_one_key() {
    let agent = Agent::start();
    agent.set(&function("one"));
    let members = [Member::new(), Member::new()];
    let servers = members.each_ref().map(|member| member.serve(&agent));
    servers.iter().for_each(|server| assert_eq!(asked(server), "one"));
    assert!(agent.requests()[0].to_lowercase().contains(&format!("x-consul-token: {TOKEN}")));
    agent.set(&function("two"));
    until("changed", || servers.iter().all(|server| asked(server) == "two"));
}

#[test]
fn what_cannot_be_served_never_replaces_what_is() {
    let agent = Agent::start();
    agent.set(&function("one"));
    let member = Member::new();
    let server = member.serve(&agent);
    agent.set("[functions");
    until("refused", || member.logged("the previous configuration stays in use") == 1);
    agent.set("[functions.absent]\nsource = \"/absent.wasm\"");
    until("refused", || member.logged("the previous configuration stays in use") == 2);
    agent.remove();
    until("refused", || member.logged("the Consul key does not exist") == 1);
    assert_eq!(asked(&server), "one");
    drop(server);
    // Nor does it at a start: what was served last is.
    for text in [None, Some("[functions"), Some("[functions.absent]\nsource = \"/absent.wasm\"")] {
        text.iter().for_each(|text| agent.set(text));
        assert_eq!(asked(&member.serve(&agent)), "one");
    }
    assert_eq!(member.logged("the last valid configuration is served"), 3);
    agent.set(&function("two"));
    assert_eq!(asked(&member.serve(&agent)), "two");
}

#[test]
fn without_consul_the_last_configuration_serves_on_even_over_a_restart() {
    let agent = Agent::start();
    agent.set(&function("one"));
    let member = Member::new();
    let server = member.serve(&agent);
    agent.set(&function("two"));
    until("changed", || asked(&server) == "two");
    agent.set_away(true);
    until("noticed", || member.logged("the previous configuration stays in use") == 1);
    let before = agent.requests().len();
    until("trying again", || agent.requests().len() > before + 1);
    assert_eq!(asked(&server), "two");
    drop(server);
    let server = member.serve(&agent);
    assert_eq!(asked(&server), "two");
    assert_eq!(member.logged("the last valid configuration is served from the cache"), 1);
    agent.set_away(false);
    agent.set(&function("three"));
    until("followed", || asked(&server) == "three");
    assert_eq!(member.logged("the previous configuration stays in use"), 1, "told once");
}

#[test]
fn only_the_owner_may_read_the_configuration_that_is_kept() {
    let agent = Agent::start();
    agent.set(&function("one"));
    let member = Member::new();
    let cache = member.0.path().join("cache");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    // The second time the text is the same, and the file is one of a former version.
    for _ in 0..2 {
        assert_eq!(asked(&member.serve(&agent)), "one");
        let files = fs::read_dir(&cache).unwrap().map(|file| file.unwrap().path());
        let kept: Vec<_> = files
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("consul-"))
            .collect();
        assert!(kept.iter().any(|path| path.extension() == Some("toml".as_ref())), "{kept:?}");
        assert_eq!(mode(&cache), 0o700);
        for path in kept {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
}

#[test]
fn without_watching_a_hangup_has_consul_asked() {
    let agent = Agent::start();
    let text = |name: &str| format!("watch = false\n{}", function(name));
    agent.set(&text("one"));
    let member = Member::new();
    let server = member.serve(&agent);
    let asked_so_far = agent.requests().len();
    agent.set(&text("two"));
    server.signal(rustix::process::Signal::HUP);
    until("changed", || asked(&server) == "two");
    assert_eq!(agent.requests().len(), asked_so_far + 1);
}

#[test]
fn a_start_with_nothing_to_serve_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start();
    let refused = |url: &str| refused(url, folder.path());
    let log = refused("http://127.0.0.1:1/v1/kv/a");
    assert!(log.contains("Consul at http://127.0.0.1:1: "), "{log}");
    let log = refused("http://127.0.0.1:1");
    assert!(log.contains("write http://HOST:PORT/v1/kv/KEY"), "{log}");
    let log = refused(&agent.url(KEY));
    assert!(log.contains(&agent.url(KEY)) && log.contains("does not exist"), "{log}");
    agent.next_answers([Answer::raw("403 Forbidden", "", "ACL not found")]);
    let log = refused(&agent.url(KEY));
    assert!(
        log.contains("403") && log.contains("the token in CONSUL_HTTP_TOKEN may not read it"),
        "{log}"
    );
    agent.set("listen = 5");
    let log = refused(&agent.url(KEY));
    assert!(log.contains(&format!("{}:1:10", agent.url(KEY))), "{log}");
}

#[test]
fn what_is_in_consul_is_checked() {
    let agent = Agent::start();
    let check = || {
        let output = pilotlight(&["check", "--consul", &agent.url(KEY)]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    agent.set(&function("one"));
    assert_eq!(check(), (true, format!("{}: no errors\n", agent.url(KEY))));
    agent.set("listen = 5");
    let (good, told) = check();
    assert!(!good && told.contains(":1:10"), "{told}");
}
