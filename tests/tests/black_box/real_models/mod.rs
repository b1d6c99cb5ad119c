//! Real models that `cargo xtask models` fetches, served from their folders as they are, and compared
//! with golden answers.

mod bundles;
mod golden;
mod on_host;
mod on_wasmtime;
mod reference;
mod sandboxed;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pilotlight_testing::real_model;
use pilotlight_tests::{Server, outcome, pilotlight, root, shared};

use crate::answers::check_golden_labels;

/// A model folder and what it has to answer.
struct Model {
    name: &'static str,
    folder: Folder,
    /// Options of `serve` and `build` for what the folder does not say.
    options: &'static [&'static str],
    /// Compares answers of a server with golden ones.
    check: fn(&Server),
}

enum Folder {
    /// As a package has it.
    Fetched(&'static str),
    /// A copy that is changed.
    Changed(&'static str, fn(&Path)),
    /// In the repository.
    Own(&'static str),
}

const MINILM: Model = Model {
    name: "minilm",
    folder: Folder::Fetched("minilm"),
    options: &[],
    check: |server| golden::check_embeddings(server, "embeddings_minilm.jsonl", 0.9999),
};

const BGE_SMALL: Model = Model {
    name: "bge-small",
    folder: Folder::Changed("bge-small", say_how_bge_pools),
    options: &["--task", "sentence-embeddings"],
    // ONNX Runtime without its optimizations has 0.9962: the codes of activations are that sensitive.
    check: |server| golden::check_embeddings(server, "embeddings_bge.jsonl", 0.99),
};

const RERANKER: Model = Model {
    name: "reranker",
    folder: Folder::Fetched("reranker"),
    options: &["--task", "reranking"],
    check: |server| golden::check_ranks(server, 0.05),
};

/// It quantizes while it computes, so codes flip with the last bits of f32, which products have as the processor
/// likes: with tract logits differ by 0.026 on one and by 0.062 on another.
const RERANKER_BY_TRACT: Model =
    Model { check: |server| golden::check_ranks(server, 0.1), ..RERANKER };

/// ONNX Runtime's own logits differ by 0.22 from those that it has on another processor.
const RERANKER_BY_ONNX_RUNTIME: Model =
    Model { check: |server| golden::check_ranks(server, 0.3), ..RERANKER };

const LAC: Model = Model {
    name: "lac-zh",
    folder: Folder::Fetched("lac-zh"),
    options: &[],
    check: |server| golden::check_tags(server, "viterbi"),
};

const LAC_WITHOUT_TRANSITIONS: Model = Model {
    name: "lac-zh-argmax",
    folder: Folder::Changed("lac-zh", leave_out_transitions),
    options: &[],
    check: |server| golden::check_tags(server, "argmax"),
};

const PII: Model = Model {
    name: "pii-ner",
    folder: Folder::Own("models/pii-ner"),
    options: &[],
    check: |server| check_golden_labels(server, 1000),
};

const MAGIKA: Model = Model {
    name: "magika",
    folder: Folder::Fetched("magika"),
    options: &[],
    check: |server| golden::check_tensors(server, "tensors_magika.jsonl"),
};

const OCR_ANGLE: Model = Model {
    name: "ocr-angle",
    folder: Folder::Fetched("ocr-angle"),
    options: &[],
    check: |server| golden::check_tensors(server, "tensors_ocr_angle.jsonl"),
};

const ALL: [&Model; 7] = [&MINILM, &BGE_SMALL, &RERANKER, &LAC, &PII, &MAGIKA, &OCR_ANGLE];

/// Nothing in the folder says it.
fn say_how_bge_pools(folder: &Path) {
    fs::write(folder.join("model.toml"), "pooling = \"cls\"\nnormalize = true\n").unwrap();
}

fn leave_out_transitions(folder: &Path) {
    fs::remove_file(folder.join("lac_crf_transitions.npy")).unwrap();
}

/// A folder of all tests of this run.
fn run_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| shared("real-models"))
}

/// Has one process make a file or folder of the run, and all others wait for it.
fn once(path: &Path, make: impl FnOnce()) {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let lock = File::create(lock).unwrap();
    lock.lock().unwrap();
    if !path.exists() {
        make();
    }
}

impl Model {
    /// Its folder; `None` if it has not been fetched.
    fn folder(&self) -> Option<PathBuf> {
        let (source, change) = match self.folder {
            Folder::Own(path) => return Some(root().join(path)),
            Folder::Fetched(name) => return real_model(name),
            Folder::Changed(name, change) => (real_model(name)?, change),
        };
        let copy = run_folder().join(self.name);
        once(&copy, || {
            let new = tempfile::tempdir_in(run_folder()).unwrap().keep();
            for file in fs::read_dir(source).unwrap().map(Result::unwrap) {
                fs::copy(file.path(), new.join(file.file_name())).unwrap();
            }
            change(&new);
            fs::rename(new, &copy).unwrap();
        });
        Some(copy)
    }

    /// A server of its folder; `None` if it has not been fetched.
    fn serve(&self, arguments: &[&str]) -> Option<Server> {
        let folder = self.folder()?;
        let folder = [folder.to_str().unwrap()];
        Some(Server::start(&[&folder[..], self.options, arguments].concat()))
    }

    /// Its component for hosts that have `target`, built once in a run; `None` if it has not been
    /// fetched.
    fn component(&self, target: &str) -> Option<PathBuf> {
        let folder = self.folder()?;
        let file = run_folder().join(format!("{}-{target}.wasm", self.name));
        once(&file, || {
            let mut build = pilotlight(&["build", "--precision", "f32", "--target", target, "-o"]);
            let (code, log) = outcome(build.arg(&file).arg(folder).args(self.options));
            assert_eq!(code, 0, "{}: {log}", self.name);
        });
        Some(file)
    }
}
