//! `pilotlight build` and `inspect`.

use std::fs;
use std::path::Path;

use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, built, component, outcome, pilotlight, root};
use serde_json::Value;

fn guest() -> String {
    built("guests/in-guest.wasm").to_str().unwrap().to_owned()
}

fn build(model: &Path, output: &Path) -> (i32, String) {
    let model = model.to_str().unwrap();
    let output = output.to_str().unwrap();
    outcome(&mut pilotlight(&["build", model, "--precision", "f32", "-o", output]))
}

#[test]
fn two_builds_give_the_same_bytes_also_of_a_copy() {
    let models = [(); 2].map(|()| tiny_model::folder(&tiny_model::quantized_graph()));
    let [one, two, copy] = [(0, "a.wasm"), (0, "b.wasm"), (1, "c.wasm")].map(|(model, name)| {
        let output = models[0].path().join(name);
        let (code, log) = build(models[model].path(), &output);
        assert_eq!(code, 0, "{log}");
        fs::read(output).unwrap()
    });
    assert!(one == two);
    assert!(one == copy);
}

#[test]
fn a_snapshot_is_as_small_as_its_weights_allow() {
    let size = component().metadata().unwrap().len();
    // 4-bit products with f32 scales for 32 weights, u8 embeddings of the default model.
    let weights = 10_630_000 / 2 + 10_630_000 / 32 * 4 + 7_773_000;
    assert!(size < weights * 5 / 4 + 8_000_000, "{size} bytes for {weights} of weights");
    let guest = fs::metadata(guest()).unwrap().len();
    assert!(guest <= 8_000_000, "the component without weights has {guest} bytes");
}

#[test]
fn a_snapshot_tells_what_it_holds() {
    let file = component();
    let output = pilotlight(&["inspect", "--json", file.to_str().unwrap()]).output().unwrap();
    let inspection: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [data, span] = ["data_bytes", "data_span"].map(|key| inspection[key].as_u64().unwrap());
    assert!(data * 2 > span, "{data} bytes of {span}: Wasmtime would copy them for each instance");
    assert_eq!(inspection["manifest"]["info"]["model"], "pii-ner");
    assert_eq!(inspection["manifest"]["precision"], "int4");
    let agreement = &inspection["manifest"]["agreement"];
    assert_eq!(agreement["measure"], "equal");
    assert!(agreement["values"].as_u64().unwrap() > 1000, "{agreement}");
    assert!(agreement["share"].as_f64().unwrap() >= 0.995, "{agreement}");
    assert_eq!(inspection["manifest"]["task"], "token-classification");
    assert_eq!(inspection["manifest"]["accuracy_check"]["threshold"], 0.995);
    let endpoints = inspection["manifest"]["endpoints"].as_array().unwrap();
    assert!(endpoints.iter().any(|endpoint| endpoint["path"] == "/v1/redact"), "{endpoints:?}");
    assert_eq!(inspection["manifest"]["pilotlight"], env!("CARGO_PKG_VERSION"));
    let exports = inspection["exports"].to_string();
    assert!(exports.contains("wasi:http/handler@0.3.0"), "{exports}");
    let plain = pilotlight(&["inspect", file.to_str().unwrap()]).output().unwrap();
    let plain = String::from_utf8(plain.stdout).unwrap();
    for part in [
        "National Design Studio",
        "task       token-classification",
        "endpoint   POST /v1/redact token-classification",
        "values are equal",
    ] {
        assert!(plain.contains(part), "{part} is not in:\n{plain}");
    }
}

#[test]
fn a_component_without_snapshot_loads_its_model_on_the_first_request() {
    let model = tiny_model::folder(&tiny_model::graph());
    let server = Server::start(&[&guest(), "--model", model.path().to_str().unwrap()]);
    let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
    assert_eq!(answer.json()[0]["entity_group"], "PER", "{}", answer.text);
    let server = Server::start(&[&guest()]);
    let answer = server.post("/", r#"{"inputs": "Ada"}"#);
    assert_eq!(answer.status, 500);
    assert!(answer.text.contains("model.toml: cannot be read"), "{}", answer.text);
}

#[test]
fn models_that_cannot_be_used_are_refused_and_nothing_is_written() {
    type Spoil = fn(&Path);
    let cases: [(Spoil, &[&str]); 6] = [
        (
            |folder| fs::remove_file(folder.join("tokenizer.json")).unwrap(),
            &["tokenizer.json", "cannot be read"],
        ),
        (
            |folder| {
                let file = folder.join("model.toml");
                let manifest = fs::read_to_string(&file).unwrap();
                fs::write(&file, manifest + "[limits]\nmax-body-bytes = 8\n").unwrap();
            },
            &["does not answer its sample", "413", "8 bytes"],
        ),
        (
            |folder| fs::write(folder.join("config.json"), "{}").unwrap(),
            &["config.json", "SHA-256"],
        ),
        (
            |folder| {
                let whole = fs::read(folder.join("model.onnx")).unwrap();
                fs::write(folder.join("model.onnx"), &whole[..whole.len() / 2]).unwrap();
                tiny_model::seal(folder);
            },
            &["model.onnx", "cut short"],
        ),
        (
            |folder| {
                let mut config = tiny_model::config();
                config["id2label"].as_object_mut().unwrap().remove("2");
                fs::write(folder.join("config.json"), config.to_string()).unwrap();
                tiny_model::seal(folder);
            },
            &["config.json", "2 labels", "gives 3"],
        ),
        (
            |folder| {
                let mut tokenizer = tiny_model::tokenizer();
                tokenizer["model"]["vocab"]["more"] = 8.into();
                fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
                tiny_model::seal(folder);
            },
            &["tokenizer.json", "9 token ids", "embeds 8"],
        ),
    ];
    for (spoil, reasons) in cases {
        let model = tiny_model::folder(&tiny_model::graph());
        spoil(model.path());
        let output = model.path().join("out.wasm");
        let (code, error) = build(model.path(), &output);
        assert_eq!(code, 1, "{error}");
        for reason in reasons {
            assert!(error.contains(reason), "{error}");
        }
        assert!(!output.exists());
    }
}

#[test]
fn the_default_model_has_its_license_and_attribution_beside_it() {
    let folder = root().join("models/pii-ner");
    assert!(fs::read_to_string(folder.join("LICENSE")).unwrap().contains("Attribution 4.0"));
    assert!(fs::read_to_string(folder.join("NOTICE")).unwrap().contains("National Design Studio"));
}
