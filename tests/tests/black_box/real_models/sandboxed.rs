//! Computed in the sandbox.

use super::{BGE_SMALL, LAC, LAC_WITHOUT_TRANSITIONS, MAGIKA, MINILM, Model, OCR_ANGLE, RERANKER};

fn check(model: &Model) {
    if let Some(server) = model.serve(&["--compute", "guest"]) {
        (model.check)(&server);
    }
}

#[test]
fn minilm_has_the_golden_embeddings() {
    check(&MINILM);
}

#[test]
fn bge_small_has_the_golden_embeddings() {
    check(&BGE_SMALL);
}

#[test]
fn the_reranker_has_the_golden_ranks() {
    check(&RERANKER);
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
