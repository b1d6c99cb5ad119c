//! All tasks of texts on the published `wasmtime serve`.

use std::collections::BTreeSet;

use pilotlight_model::Task;
use pilotlight_testing::pipelines::model;
use pilotlight_tests::{outcome, pilotlight};

use super::{cases_of, difference};
use crate::other_hosts::wasmtime_serve;

/// Models that have all tasks of texts between them.
const MODELS: [&str; 6] = [
    "distilbert-token-classification",
    "electra-reranking",
    "mpnet-sentence-embeddings",
    "distilbert-zero-shot-classification",
    "albert-question-answering",
    "roberta-fill-mask",
];

fn check(target: &str, options: &[&str]) {
    let built = tempfile::tempdir().unwrap();
    let (mut wrong, mut asked) = (Vec::new(), BTreeSet::new());
    for name in MODELS {
        let file = built.path().join(format!("{name}.wasm"));
        let mut build = pilotlight(&["build", "--precision", "f32", "--target", target, "-o"]);
        let (code, log) = outcome(build.arg(&file).arg(model(name)));
        assert_eq!(code, 0, "{name}: {log}");
        let Some(peer) = wasmtime_serve(options, &file) else { return };
        for case in cases_of(&model(name)) {
            asked.insert(case.task);
            wrong.extend(difference(&peer, &case).map(|text| format!("{name}: {text}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tasks: BTreeSet<Task> = Task::ALL.into_iter().filter(|task| task.reads_text()).collect();
    assert_eq!(asked, tasks);
}

#[test]
fn each_task_of_texts_is_answered_by_hosts_of_wasi_0_3() {
    check("wasi-0.3", &["-Sp3,cli", "-Wcomponent-model-async"]);
}

#[test]
fn each_task_of_texts_is_answered_by_hosts_of_wasi_0_2() {
    check("wasi-0.2", &["-Sp3=n,cli", "-Wcomponent-model-async=n"]);
}
