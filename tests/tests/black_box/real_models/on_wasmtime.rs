//! Models of several tasks on the published `wasmtime serve`. All tasks of texts are in `tiny_models`.

use super::{MAGIKA, MINILM, Model, RERANKER};
use crate::other_hosts::wasmtime_serve;

const MODELS: [&Model; 3] = [&MINILM, &RERANKER, &MAGIKA];

fn check(target: &str, options: &[&str]) {
    for model in MODELS {
        let Some(component) = model.component(target) else { continue };
        let Some(peer) = wasmtime_serve(options, &component) else { return };
        (model.check)(&peer);
    }
}

#[test]
fn embeddings_ranks_and_tensors_are_golden_on_hosts_of_wasi_0_3() {
    check("wasi-0.3", &["-Sp3,cli", "-Wcomponent-model-async"]);
}

#[test]
fn embeddings_ranks_and_tensors_are_golden_on_hosts_of_wasi_0_2() {
    check("wasi-0.2", &["-Sp3=n,cli", "-Wcomponent-model-async=n"]);
}
