//! Samples of graphs that are called with tensors: shapes are found, or those of the manifest.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;

use pilotlight_guest::engine::{
    Element, Engine, EngineError, NamedTensor, Placement, Port, Tensor,
};
use pilotlight_guest::function::Function;
use pilotlight_guest::model::{Model, TensorsModel};
use pilotlight_guest::service::Service;
use pilotlight_model::{Digest, ModelFolder};
use pilotlight_testing::graphs::doubling;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A graph with inputs `x` and `y` of any size, of which `y` has to be this wide.
struct Wide {
    ports: [Port; 2],
    width: usize,
}

impl Wide {
    fn new(width: usize) -> Self {
        let port = |name: &str, dims: Vec<Option<usize>>| Port {
            name: name.to_owned(),
            element: Element::F32,
            dims,
        };
        Self { ports: [port("x", vec![None, Some(2)]), port("y", vec![None, None])], width }
    }
}

impl Engine for Wide {
    fn inputs(&self) -> &[Port] {
        &self.ports
    }

    fn outputs(&self) -> &[Port] {
        &self.ports[..1]
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        if inputs[1].shape[1] != self.width {
            return Err(EngineError::Failed(format!("y is not {} wide", self.width)));
        }
        Ok(vec![("x".to_owned(), inputs[0].clone())])
    }

    fn place(&self) -> &'static str {
        "guest"
    }
}

/// A folder of the graph that doubles `x`, with more in its manifest.
fn folder(more: &str) -> TempDir {
    let graph = doubling();
    let digest = Digest::of(&graph);
    let manifest = format!(
        "name = \"doubling\"\ntask = \"tensors\"\nlicense = \"CC0-1.0\"\n{more}\n[files]\n\
         \"model.onnx\".sha256 = \"{digest}\"\n"
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.onnx"), graph).unwrap();
    fs::write(folder.path().join("model.toml"), manifest).unwrap();
    folder
}

/// The shapes of the sample, or why there is none.
fn sample(width: usize, shapes: &[(&str, &[usize])]) -> Result<Value, String> {
    let shapes = shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
    let shapes: BTreeMap<_, _> = shapes.collect();
    let model = Model::Tensors(TensorsModel::new(Box::new(Wide::new(width)), shapes)?);
    let folder = ModelFolder::open(folder("").path()).unwrap();
    let function = Function::new(&folder, model, "float32");
    let service = Service::new(function.map_err(|error| error.to_string())?);
    let (path, sample) = service.description().sample;
    assert_eq!(path, "/v1/tensors");
    Ok(sample["inputs"].as_array().unwrap().iter().map(|input| input["shape"].clone()).collect())
}

#[test]
fn sizes_that_no_manifest_says_are_found_by_trial() {
    assert_eq!(sample(1, &[]).unwrap(), json!([[1, 2], [1, 1]]));
    assert_eq!(sample(224, &[]).unwrap(), json!([[1, 2], [1, 224]]));
    let refusal = sample(400, &[]).unwrap_err();
    assert!(refusal.contains("y is not 400 wide; say its shapes in [sample.shapes]"), "{refusal}");
}

#[test]
fn shapes_of_the_manifest_are_those_of_the_sample() {
    assert_eq!(sample(400, &[("y", &[1, 400])]).unwrap(), json!([[1, 2], [1, 400]]));
    assert_eq!(sample(10, &[("y", &[3, 10]), ("x", &[3, 2])]).unwrap(), json!([[3, 2], [3, 10]]));
}

#[test]
fn shapes_that_do_not_fit_the_graph_are_refused_by_name() {
    let cases: [(&str, &[usize], &str); 3] = [
        ("z", &[1, 1], "sample: the graph has no input z; its inputs are x, y"),
        ("x", &[1, 3], "sample: x has shape [1, 3], in the graph [?, 2]"),
        ("y", &[400], "sample: y has shape [400], in the graph [?, ?]"),
    ];
    for (name, shape, refusal) in cases {
        assert_eq!(sample(400, &[(name, shape)]).unwrap_err(), refusal);
    }
}

#[test]
fn the_sample_of_a_folder_has_the_shapes_of_its_manifest() {
    let load = |more: &str| {
        let folder = folder(more);
        let opened = ModelFolder::open(folder.path()).map_err(|error| error.to_string())?;
        let service = Service::load(&opened, Placement::default());
        let service = service.map_err(|error| error.to_string())?;
        Ok::<_, String>(service.description().sample.1["inputs"][0]["shape"].clone())
    };
    assert_eq!(load("").unwrap(), json!([1, 1]));
    assert_eq!(load("sample.shapes.x = [2, 400]\n").unwrap(), json!([2, 400]));
    for (more, part) in [
        ("sample.shapes.x = [400]\n", "model.toml: sample: x has shape [400]"),
        ("sample.shapes.z = [1]\n", "model.toml: sample: the graph has no input z"),
        ("sample.shapes.x = [1, 0]\n", "must have 1 to 4194304 elements"),
        ("sample.shapes.x = [65536, 65536]\n", "must have 1 to 4194304 elements"),
        ("sample.shape.x = [1]\n", "unknown field `shape`"),
    ] {
        let refusal = load(more).unwrap_err();
        assert!(refusal.contains(part), "{more}: {refusal}");
    }
}
