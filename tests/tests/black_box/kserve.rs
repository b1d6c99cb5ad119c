//! The runtime for KServe: its container under `runc`, with a model folder where KServe's storage initializer puts it.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pilotlight_testing::tiny_model;
use pilotlight_tests::root;
use serde_json::json;
use yaml_rust2::{Yaml, YamlLoader};

use crate::kubelet::{Volumes, arguments};
use crate::runc::{Image, Start, runc};

const PATIENCE: Duration = Duration::from_secs(120);
/// Where the storage initializer puts models, read-only for the server.
const MODELS: &str = "/mnt/models";
/// The user of the storage initializer.
const INITIALIZER: u32 = 1000;

fn read(file: &str) -> Yaml {
    let text = fs::read_to_string(root().join("deploy/kserve").join(file)).unwrap();
    YamlLoader::load_from_str(&text).unwrap().remove(0)
}

fn container(runtime: &Yaml) -> &Yaml {
    &runtime["spec"]["containers"][0]
}

fn probe<'a>(container: &'a Yaml, name: &str) -> &'a str {
    container[name]["httpGet"]["path"].as_str().unwrap()
}

#[test]
fn the_runtime_serves_a_model_folder_under_the_name_of_the_service() {
    let Some(runc) = runc() else { return };
    let runtime = read("clusterservingruntime.yaml");
    let container = container(&runtime);
    let volumes = Volumes::new(None);
    for volume in runtime["spec"]["volumes"].as_vec().unwrap() {
        assert!(!volume["emptyDir"].is_badvalue(), "{volume:?}");
        volumes.empty(volume["name"].as_str().unwrap());
    }
    let model = tiny_model::folder(&tiny_model::graph());
    volumes.of_files("models", &files(model.path()));
    chown(volumes.path("models"), Some(INITIALIZER), Some(0)).unwrap();
    let mut mounts = volumes.mounts(container);
    mounts.push(volumes.mount("models", MODELS, true));

    let image = Image::of_program();
    let user = |key: &str| container["securityContext"][key].as_i64();
    assert_eq!(user("runAsUser"), Some(image.user().0.into()));
    assert_eq!(user("runAsGroup"), Some(image.user().1.into()));
    let name = read("inferenceservice.yaml")["metadata"]["name"].as_str().unwrap().to_owned();
    // KServe puts the name of the service there.
    let arguments = arguments(container).into_iter();
    let arguments = arguments.map(|argument| argument.replace("{{.Name}}", &name));
    // A pod has a loopback address of its own; here others may have this port.
    let arguments = arguments.chain(["--admin-listen=127.0.0.1:0".to_owned()]).collect();
    let running = image.run(&runc, Start { arguments, mounts, ..Start::default() });
    let start = Instant::now();
    while running.server.get(probe(container, "readinessProbe")).status != 200 {
        assert!(start.elapsed() < PATIENCE, "it is never ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(running.server.get(probe(container, "livenessProbe")).status, 200);
    let input =
        json!({"name": "text", "shape": [1], "datatype": "BYTES", "data": ["ada met paris"]});
    let path = format!("/v2/models/{name}/infer");
    let answer = running.server.post(&path, json!({"inputs": [input]}).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("PER"), "{}", answer.text);
}

/// The files of a folder, by their names.
fn files(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let names = ["config.json", "model.onnx", "model.toml", "tokenizer.json"];
    names.into_iter().map(|name| (name, folder.join(name))).collect()
}

#[test]
fn the_runtime_has_a_port_and_probes_where_it_listens_and_a_model_where_kserve_puts_it() {
    let runtime = read("clusterservingruntime.yaml");
    let container = container(&runtime);
    assert_eq!(container["name"].as_str(), Some("kserve-container"));
    let arguments = arguments(container);
    let listen = arguments.iter().find_map(|one| one.strip_prefix("--listen=0.0.0.0:")).unwrap();
    let port = Some(listen.parse().unwrap());
    assert_eq!(container["ports"][0]["containerPort"].as_i64(), port);
    for probe in ["readinessProbe", "livenessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"].as_i64(), port, "{probe}");
    }
    assert!(arguments.iter().any(|argument| argument == MODELS));
}

#[test]
fn the_service_names_the_runtime_and_what_it_supports() {
    let runtime = read("clusterservingruntime.yaml");
    let service = read("inferenceservice.yaml");
    let model = &service["spec"]["predictor"]["model"];
    assert_eq!(model["runtime"], runtime["metadata"]["name"]);
    let formats = runtime["spec"]["supportedModelFormats"].as_vec().unwrap();
    assert!(formats.iter().any(|format| format["name"] == model["modelFormat"]["name"]));
    let protocols = runtime["spec"]["protocolVersions"].as_vec().unwrap();
    assert!(protocols.contains(&model["protocolVersion"]));
    assert_eq!(model["protocolVersion"].as_str(), Some("v2"));
}
