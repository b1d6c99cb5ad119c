//! Labels with hyphens and of other schemes, redacted and de-identified by name.

use std::fs;
use std::path::Path;

use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, outcome, pilotlight};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The tiny model with other labels, in the folder `model` of a folder for configurations: `ada` has
/// the second, `paris` the third, everything else the first.
fn model(config: &Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tiny = tiny_model::folder(&tiny_model::graph());
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    for file in ["model.onnx", "tokenizer.json"] {
        fs::copy(tiny.path().join(file), model.join(file)).unwrap();
    }
    fs::write(model.join("config.json"), config.to_string()).unwrap();
    tiny_model::seal(&model);
    folder
}

fn hyphens() -> Value {
    json!({ "id2label": ["O", "B-multi-word", "I-multi-word"] })
}

/// Writes a configuration in which everything goes to the function `m`, made from `source`, and is
/// de-identified.
fn configure(folder: &Path, source: &str, deidentify: &str) -> String {
    let file = folder.join("pilotlight.toml");
    let text = format!(
        "[functions.m]\nsource = {source:?}\ncompute = \"guest\"\n[deidentify.p]\nmode = \"redact\"\n\
         {deidentify}\n[[routes]]\nto = \"m\"\ndeidentify = \"p\"\n"
    );
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_label_with_a_hyphen_is_redacted_and_protected_by_its_whole_name() {
    let folder = model(&hyphens());
    let text = json!({ "text": "Ada met Paris" }).to_string();
    let expected = "[multi-word] met [multi-word]";
    let server = Server::start(&[folder.path().join("model").to_str().unwrap()]);
    let answer = server.post("/v1/redact", text.clone()).json();
    assert_eq!(
        (&answer["text"], &answer["entities"][1]["entity_group"]),
        (&json!(expected), &json!("multi-word"))
    );
    for label in ["multi-word", "B-multi-word", "I-multi-word"] {
        let given = json!([{ "label": label, "start": 0, "end": 3 }]);
        let body = json!({ "text": "Ada met", "entities": given }).to_string();
        assert_eq!(server.post("/v1/redact", body).json()["text"], "[multi-word] met", "{label}");
    }
    drop(server);
    let config = configure(folder.path(), "model", "labels = [\"multi-word\"]");
    assert_eq!(outcome(&mut pilotlight(&["check", &config])).0, 0);
    let server = Server::start(&["--config", &config]);
    let answer = server.post("/v1/redact", text).json();
    assert_eq!(answer["text"], expected);
    assert_eq!(answer["entities"][0]["deidentified"], true);
    assert_eq!(server.get("/info").json()["labels"][1], "B-multi-word");
}

#[test]
fn labels_that_the_model_does_not_have_are_mistakes_for_check_and_serve() {
    let folder = model(&hyphens());
    let component = folder.path().join("m.wasm");
    let model = folder.path().join("model");
    let build = ["build", model.to_str().unwrap(), "--precision", "f32", "-o"];
    let (code, log) = outcome(pilotlight(&build).arg(&component));
    assert_eq!(code, 0, "{log}");
    for source in ["model", "m.wasm"] {
        for label in ["word", "B-multi-word", "MULTI-WORD", "O"] {
            let config = configure(folder.path(), source, &format!("labels = [{label:?}]"));
            let checked = pilotlight(&["check", &config]).output().unwrap();
            let told = String::from_utf8(checked.stdout).unwrap();
            assert!(!checked.status.success(), "{source} {label}: {told}");
            let place = "pilotlight.toml:6:10: deidentify.p.labels: for function `m`: ";
            assert!(told.contains(place) && told.contains("its labels are multi-word"), "{told}");
            let mut serve = pilotlight(&["serve", "--config", &config]);
            let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
            let (code, told) = outcome(serve.args(ports));
            assert!(code == 1 && told.contains("deidentify `p` of function `m`"), "{told}");
        }
    }
    // Each environment is looked at, and what cannot be read here is not a mistake.
    let config = configure(folder.path(), "model", "labels = [\"multi-word\"]");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}[env.x.deidentify.p]\nlabels = [\"nobody\"]\n")).unwrap();
    assert_eq!(outcome(&mut pilotlight(&["check", &config])).0, 1);
    let config = configure(folder.path(), "elsewhere.wasm", "labels = [\"anybody\"]");
    assert_eq!(outcome(&mut pilotlight(&["check", &config])).0, 0);
}

#[test]
fn labels_that_only_the_graph_counts_are_known_to_check() {
    let folder = model(&json!({}));
    let config = configure(folder.path(), "model", "labels = [\"LABEL_1\"]");
    assert_eq!(outcome(&mut pilotlight(&["check", &config])).0, 0);
    let config = configure(folder.path(), "model", "labels = [\"PER\"]");
    let checked = pilotlight(&["check", &config]).output().unwrap();
    let told = String::from_utf8(checked.stdout).unwrap();
    let place = "pilotlight.toml:6:10: deidentify.p.labels: for function `m`: ";
    assert!(!checked.status.success() && told.contains(place), "{told}");
    assert!(told.contains("its labels are LABEL_0, LABEL_1, LABEL_2"), "{told}");
}

#[test]
fn models_without_names_of_labels_and_with_other_schemes_are_served() {
    for (config, expected) in [
        (json!({ "num_labels": 3 }), "[LABEL_1] [LABEL_0] [LABEL_2]"),
        (json!({}), "[LABEL_1] [LABEL_0] [LABEL_2]"),
        (json!({ "id2label": ["O", "PER-B", "PER-I"] }), "[PER] met [PER]"),
        (json!({ "id2label": ["O", "B-PER", "E-PER"] }), "[PER] met [PER]"),
        (json!({ "id2label": ["O", "B-O", "I-O"] }), "[O] met [O]"),
    ] {
        let folder = model(&config);
        let server = Server::start(&[folder.path().join("model").to_str().unwrap()]);
        let body = json!({ "text": "Ada met Paris" }).to_string();
        assert_eq!(server.post("/v1/redact", body).json()["text"], expected, "{config}");
    }
}

#[test]
fn a_model_that_finds_no_entities_is_not_deidentified() {
    let folder = model(&hyphens());
    let manifest = folder.path().join("model/model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("token-classification", "fill-mask")).unwrap();
    let config = configure(folder.path(), "model", "");
    let (code, _) = outcome(&mut pilotlight(&["check", &config]));
    assert_ne!(code, 0);
    let told = pilotlight(&["check", &config]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("routes[0].deidentify"), "{told}");
    assert!(
        told.contains("for function `m`: the function does not answer POST /v1/redact"),
        "{told}"
    );
}
