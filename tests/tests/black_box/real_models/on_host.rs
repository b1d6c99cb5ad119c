//! Computed on the host, by each backend.

use super::{
    BGE_SMALL, LAC, LAC_WITHOUT_TRANSITIONS, MAGIKA, MINILM, Model, OCR_ANGLE,
    RERANKER_BY_ONNX_RUNTIME, RERANKER_BY_TRACT,
};
use crate::host_compute::{backends, graph_status};

/// A model that native computes itself.
fn check_encoder(model: &Model) {
    check_computed(model, "native");
}

/// A model that native leaves to tract: it is no encoder, or quantizes while it computes.
fn check(model: &Model) {
    check_computed(model, "tract");
}

fn check_computed(model: &Model, by_native: &str) {
    for backend in backends() {
        check_backend(model, backend, if backend == "native" { by_native } else { backend });
    }
}

fn check_backend(model: &Model, backend: &str, computes: &str) {
    let arguments = ["--compute", "host", "--backend", backend];
    if let Some(server) = model.serve(&arguments) {
        (model.check)(&server);
        assert_eq!(graph_status(&server)["backend"], computes);
    }
}

#[test]
fn minilm_has_the_golden_embeddings() {
    check_encoder(&MINILM);
}

#[test]
fn bge_small_has_the_golden_embeddings() {
    check(&BGE_SMALL);
}

#[test]
fn the_reranker_has_the_golden_ranks() {
    for backend in backends() {
        match backend {
            "onnxruntime" => check_backend(&RERANKER_BY_ONNX_RUNTIME, backend, backend),
            _ => check_backend(&RERANKER_BY_TRACT, backend, "tract"),
        }
    }
}

#[test]
fn lac_has_the_golden_tags_with_transitions() {
    check(&LAC);
}

#[test]
fn lac_has_the_golden_tags_without_transitions() {
    check(&LAC_WITHOUT_TRANSITIONS);
}

#[test]
fn magika_has_the_golden_tensors() {
    check(&MAGIKA);
}

#[test]
fn the_ocr_angle_model_has_the_golden_tensors() {
    check(&OCR_ANGLE);
}
