//! Schemathesis: generated requests against the document that describes the server.

use crate::scripts::{NEWEST, python, run};
use crate::servers::{Name, serve};

fn check(name: Name) {
    if let Some(mut script) = python(NEWEST, "schemathesis_cli.py") {
        script.arg(format!("PILOTLIGHT_{name}"));
        run(&mut script, &[(name, serve(name, &[]))]);
    }
}

#[test]
fn an_embedding_model_answers_as_its_document_says() {
    check("EMBEDDINGS");
}

#[test]
fn a_classifier_answers_as_its_document_says() {
    check("CLASSIFIER");
}
