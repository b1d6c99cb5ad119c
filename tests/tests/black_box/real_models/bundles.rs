//! Components of real models: tried when they are swapped in, sealed, pushed and pulled.

use std::fs;

use pilotlight_testing::registry::Registry;
use pilotlight_tests::{Server, outcome, pilotlight, test_guest};
use serde_json::Value;

use super::{ALL, Model};
use crate::registries::anonymous;

const TARGET: &str = "wasi-0.3";

/// The components of all models that have been fetched, by their paths.
fn components() -> impl Iterator<Item = (&'static Model, String)> {
    ALL.into_iter().filter_map(|model| {
        let file = model.component(TARGET)?;
        Some((model, file.to_str().unwrap().to_owned()))
    })
}

fn inspect(file: &str) -> Value {
    let output = pilotlight(&["inspect", "--json", file]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn each_answers_its_sample_when_it_is_swapped_in() {
    let server = Server::start(&[test_guest("p3").to_str().unwrap()]);
    for (model, file) in components() {
        let sample = &inspect(&file)["manifest"]["sample"];
        assert!(!sample["request"].is_null(), "{}: {sample}", model.name);
        let swap = ["swap", &file, "--admin", &server.socket];
        let (code, log) = outcome(&mut pilotlight(&swap));
        assert_eq!(code, 0, "{}: {log}", model.name);
        (model.check)(&server);
    }
}

#[test]
fn each_is_sealed_and_a_changed_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (model, file) in components() {
        assert_eq!(outcome(&mut pilotlight(&["verify", &file])).0, 0, "{}", model.name);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let changed = folder.path().join("changed.wasm");
        fs::write(&changed, bytes).unwrap();
        let (code, log) = outcome(&mut pilotlight(&["verify", changed.to_str().unwrap()]));
        assert!(code != 0 && log.contains("changed.wasm"), "{}: {log}", model.name);
    }
}

#[test]
fn each_is_pulled_as_it_was_pushed() {
    let Some(registry) = Registry::start(false) else { return };
    let pulled = registry.folder().join("pulled.wasm");
    for (model, file) in components() {
        let reference = registry.reference(&format!("models/{}:1", model.name));
        let push = ["push", &file, &reference];
        let (code, log) = outcome(&mut anonymous(&push));
        assert_eq!(code, 0, "{}: {log}", model.name);
        let pull = ["pull", &reference, "-o", pulled.to_str().unwrap()];
        let (code, log) = outcome(&mut anonymous(&pull));
        assert_eq!(code, 0, "{}: {log}", model.name);
        assert!(fs::read(&pulled).unwrap() == fs::read(&file).unwrap(), "{}", model.name);
        fs::remove_file(&pulled).unwrap();
    }
}

#[test]
fn none_has_more_than_8_mb_beside_its_data() {
    for (model, file) in components() {
        let inspection = inspect(&file);
        let [bytes, data] = ["bytes", "data_bytes"].map(|key| inspection[key].as_u64().unwrap());
        assert!(bytes - data <= 8_000_000, "{}: {bytes} bytes, {data} of data", model.name);
    }
}
