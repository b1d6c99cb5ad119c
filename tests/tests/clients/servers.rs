//! Servers of tiny models, by the names that the scripts have for them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pilotlight_testing::{graphs, tiny_voice};
use pilotlight_tests::{Server, component, pilotlight, root, shared};

/// A server's name, without the `PILOTLIGHT_` of the variable that tells scripts its URL.
pub(crate) type Name = &'static str;

/// Models in `crates/testing/models`.
const MODELS: [(Name, &str); 7] = [
    ("EMBEDDINGS", "mpnet-sentence-embeddings"),
    ("CLASSIFIER", "roberta-text-classification"),
    ("RERANKER", "electra-reranking"),
    ("NER", "distilbert-token-classification"),
    ("ZERO_SHOT", "distilbert-zero-shot-classification"),
    ("QA", "distilbert-question-answering"),
    ("FILL_MASK", "mpnet-fill-mask"),
];
/// Serves `y = x + x` without a tokenizer.
const TENSORS: Name = "TENSORS";
/// Hears voices.
const VOICE: Name = "VOICE";
/// Serves the component of the default model, which has recognizers.
pub(crate) const PII: Name = "PII";

/// Routes to the function of [`serve_to_key_holders`].
const KEY_HOLDERS: &str = r#"
functions.default.compute = "guest"
auth.keys.api-keys = "keys.toml"
auth.slow = { rate = 0.001, burst = 1 }

[[routes]]
match.header = { x-busy = "*" }
to = "default"
auth = "slow"

[[routes]]
to = "default"
auth = "keys"
"#;

/// Encrypts values for those who have the key.
const ENCRYPTING: &str = r#"
auth.keys.api-keys = "keys.toml"
deidentify.tokens = { mode = "encrypt", keys = "keyring.toml" }

[[routes]]
to = "default"
auth = "keys"
deidentify = "tokens"
"#;

/// Serves a model in the sandbox.
pub(crate) fn serve(name: Name, more: &[&str]) -> Server {
    if name == PII {
        return Server::start(&[&[component().to_str().unwrap()], more].concat());
    }
    let folder = folder(name);
    let arguments = [folder.to_str().unwrap(), "--compute", "guest"];
    Server::start(&[&arguments[..], more].concat())
}

/// Serves several. They start one after the other: building a component takes all cores.
pub(crate) fn serve_all(names: &[Name]) -> Vec<(Name, Server)> {
    names.iter().map(|name| (*name, serve(name, &[]))).collect()
}

/// Serves to whoever has the key, which is returned, but for requests with the header `x-busy`: of those only
/// the first is answered.
pub(crate) fn serve_to_key_holders(name: Name) -> (Server, String) {
    serve_with_key(&folder(name), KEY_HOLDERS)
}

/// Serves the default model to whoever has the key, which is returned. Values are encrypted.
pub(crate) fn serve_encrypting() -> (Server, String) {
    serve_with_key(&component(), ENCRYPTING)
}

fn serve_with_key(source: &Path, routes: &str) -> (Server, String) {
    let made = pilotlight(&["api-key", "laptop"]).output().unwrap();
    let key = String::from_utf8(made.stderr).unwrap();
    let key = key.split_whitespace().last().unwrap().to_owned();
    let settings = own_folder("key-holders");
    let (file, keys) = (settings.join("pilotlight.toml"), settings.join("keys.toml"));
    fs::write(&keys, made.stdout).unwrap();
    fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
    let keyring = settings.join("keyring.toml");
    if !keyring.exists() {
        assert!(pilotlight(&["keyring", keyring.to_str().unwrap()]).status().unwrap().success());
    }
    fs::write(&file, format!("functions.default.source = {source:?}\n{routes}")).unwrap();
    (Server::start(&["--config", file.to_str().unwrap()]), key)
}

fn folder(name: Name) -> PathBuf {
    match name {
        TENSORS => return doubling(),
        VOICE => return hearing(),
        _ => {}
    }
    let (_, model) = MODELS.iter().find(|(known, _)| *known == name).unwrap();
    root().join("crates/testing/models").join(model)
}

/// A model folder that is nothing but a graph. All tests have the same one, so that its component is built
/// once.
fn doubling() -> PathBuf {
    let (folder, graph) = (shared("doubling"), own_folder("graph").join("model.onnx"));
    fs::write(&graph, graphs::doubling()).unwrap();
    fs::rename(graph, folder.join("model.onnx")).unwrap();
    folder
}

/// A model folder of the tiny model that hears.
fn hearing() -> PathBuf {
    let (made, folder) = (tiny_voice::folder(), own_folder("hearing"));
    for file in fs::read_dir(made.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    folder
}

/// A folder of this test's.
fn own_folder(name: &str) -> PathBuf {
    shared(&format!("{name}-{}", std::process::id()))
}
