//! Each family and task in the sandbox, and on the host by each backend.

use std::collections::BTreeSet;

use pilotlight_testing::pipelines::models;
use pilotlight_tests::Server;

use super::{cases_of, difference, name_of};
use crate::host_compute::{backends, graph_status};

/// Serves each folder with `arguments` and asks it a request of each of its tasks.
fn check(arguments: &[&str], backend: Option<&str>) {
    let mut wrong = Vec::new();
    for folder in models() {
        let name = name_of(&folder);
        let fixed = [folder.to_str().unwrap(), "--precision", "f32"];
        let server = Server::start(&[&fixed[..], arguments].concat());
        let mut tasks = BTreeSet::new();
        for case in cases_of(&folder) {
            // Refusals say nothing of what computes.
            if case.answer.is_some() && tasks.insert(case.task) {
                wrong.extend(difference(&server, &case).map(|text| format!("{name}: {text}")));
            }
        }
        assert!(!tasks.is_empty(), "{name} was asked nothing");
        if let Some(backend) = backend {
            let computes = graph_status(&server)["backend"].clone();
            // What is no encoder that native knows is left to tract.
            let fits = computes == backend || backend == "native" && computes == "tract";
            assert!(fits, "{name} is computed by {computes}, not {backend}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_backend(backend: &str) {
    if backends().contains(&backend) {
        check(&["--compute", "host", "--backend", backend], Some(backend));
    }
}

#[test]
fn each_family_answers_as_its_pipelines_in_the_sandbox() {
    check(&["--compute", "guest"], None);
}

#[test]
fn each_family_answers_as_its_pipelines_with_the_backend_native() {
    check_backend("native");
}

#[test]
fn each_family_answers_as_its_pipelines_with_the_backend_tract() {
    check_backend("tract");
}

#[test]
fn each_family_answers_as_its_pipelines_with_the_backend_onnxruntime() {
    check_backend("onnxruntime");
}
