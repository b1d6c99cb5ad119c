//! Components in a registry: what is pushed is pulled again, and serves.

use std::fs;
use std::process::Command;

use pilotlight_testing::registry::Registry;
use pilotlight_tests::{Server, outcome, pilotlight, test_guest};

/// `pilotlight` without anybody's credentials.
pub(crate) fn anonymous(arguments: &[&str]) -> Command {
    let mut command = pilotlight(arguments);
    command.env_remove("PILOTLIGHT_REGISTRY_USER").env("DOCKER_CONFIG", "/nonexistent");
    command
}

#[test]
fn what_is_pushed_is_pulled_whole_and_serves() {
    let Some(registry) = Registry::start(false) else { return };
    let (guest, pulled) = (test_guest("p3"), registry.folder().join("pulled.wasm"));
    let reference = registry.reference("team/counter:1");
    let push = ["push", guest.to_str().unwrap(), &reference, "--json"];
    let pushed = anonymous(&push).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&pushed.stdout).unwrap();
    let manifest = said["manifest"].as_str().unwrap();
    let by_digest = registry.reference(&format!("team/counter@sha256:{manifest}"));
    for reference in [&reference, &by_digest] {
        let pull = ["pull", reference, "-o", pulled.to_str().unwrap()];
        assert_eq!(outcome(&mut anonymous(&pull)), (0, String::new()));
        assert_eq!(fs::read(&pulled).unwrap(), fs::read(&guest).unwrap());
        let server = Server::start(&[pulled.to_str().unwrap()]);
        assert_eq!(server.get("/count").text, "1");
        fs::remove_file(&pulled).unwrap();
    }
}

#[test]
fn what_cannot_be_pulled_leaves_the_file_that_is_there() {
    let Some(registry) = Registry::start(true) else { return };
    let file = registry.folder().join("mine.wasm");
    fs::write(&file, "mine").unwrap();
    let reference = registry.reference("team/counter:1");
    let pull = ["pull", &reference, "-o", file.to_str().unwrap()];
    let (code, log) = outcome(&mut anonymous(&pull));
    assert!(code != 0 && log.contains("requires authentication"), "{log}");
    let user = |password: &str| {
        let mut command = anonymous(&pull);
        command.env("PILOTLIGHT_REGISTRY_USER", "alice");
        outcome(command.env("PILOTLIGHT_REGISTRY_PASSWORD", password))
    };
    for password in ["U*U", "wrong"] {
        let (code, log) = user(password);
        assert!(code != 0 && !log.contains(password), "{log}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}
