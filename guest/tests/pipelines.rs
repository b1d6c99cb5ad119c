//! Tiny models of many families answer each task as `transformers` and sentence-transformers do.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::Timings;
use pilotlight_guest::service::{Endpoint, Service};
use pilotlight_model::{Choices, ModelFolder, Task};
use serde::Deserialize;
use serde_json::{Value, json};

/// Numbers that two computations in f32 may differ by, relative to values above one.
const TOLERANCE: f64 = 2e-4;

/// What a model was asked, and what it answered in Python.
#[derive(Deserialize)]
struct Case {
    task: Task,
    request: Value,
    answer: Value,
}

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/testing/models");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut models: Vec<PathBuf> =
        entries.filter(|path| path.join("answers.json").is_file()).collect();
    models.sort();
    models
}

fn load(folder: &Path) -> Result<Service, String> {
    let signature =
        |file: &Path| pilotlight_onnx::signature(file).map_err(|error| error.to_string());
    let folder = ModelFolder::detect(folder, &Choices::default(), &signature);
    let folder = folder.map_err(|error| error.to_string())?;
    Service::load(&folder, Placement::default()).map_err(|error| error.to_string())
}

/// Where two answers differ, if they do.
fn difference(expected: &Value, found: &Value, at: &str) -> Option<String> {
    let differs = || Some(format!("at {at}: {found} instead of {expected}"));
    match (expected, found) {
        (Value::Number(one), Value::Number(two)) => {
            let (one, two) = (one.as_f64().unwrap(), two.as_f64().unwrap());
            if (one - two).abs() <= TOLERANCE * one.abs().max(1.0) { None } else { differs() }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            let pairs = one.iter().zip(two).enumerate();
            pairs
                .into_iter()
                .find_map(|(place, (one, two))| difference(one, two, &format!("{at}/{place}")))
        }
        (Value::Object(one), Value::Object(two)) if one.keys().eq(two.keys()) => {
            one.iter().find_map(|(key, value)| difference(value, &two[key], &format!("{at}/{key}")))
        }
        (one, two) if one == two => None,
        _ => differs(),
    }
}

#[test]
fn answers_are_those_of_the_pipelines() {
    let mut wrong = Vec::new();
    let mut asked = 0;
    for folder in models() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let service = match load(&folder) {
            Ok(service) => service,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let cases: Vec<Case> =
            serde_json::from_str(&fs::read_to_string(folder.join("answers.json")).unwrap())
                .unwrap();
        for (number, Case { task, request, answer }) in cases.iter().enumerate() {
            asked += 1;
            let body = request.to_string();
            let found =
                service.answer(Endpoint::Task(*task), body.as_bytes(), &mut Timings::default());
            let found = found.map(|found| serde_json::from_slice(&found).unwrap());
            let found = found.unwrap_or_else(|error| json!({"error": error.to_string()}));
            wrong.extend(
                difference(answer, &found, "")
                    .map(|text| format!("{name} {number} {task}: {text}")),
            );
        }
    }
    assert!(asked > 0, "there are no models");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}
