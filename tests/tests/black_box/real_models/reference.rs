//! What backends of the host compute, compared with ONNX Runtime on the file of a model as it is, on the same
//! processor: products of codes that are quantized while they are computed differ between processors.

use pilotlight_guest::engine::{
    Element, Encoder, Engine, EngineError, NamedTensor, Padding, Port, Tensor,
};
use pilotlight_guest::function::Function;
use pilotlight_guest::model::{self, TextModel, Usage};
use pilotlight_guest::service::{Head, Service};
use pilotlight_guest::text::Tokenizer;
use pilotlight_inference::{
    Backend as _, Buffers, Dimension, OnnxRuntime, OnnxRuntimeOptions, Precision,
};
use pilotlight_model::{Choices, ModelFolder, Task};
use pilotlight_tests::Server;
use serde_json::{Value, json};

use super::golden::{answer, array, cosine, lines, numbers};
use super::{BGE_SMALL, MINILM, Model, RERANKER};
use crate::host_compute::{backends, graph_status};

/// A graph that ONNX Runtime computes in this process.
struct Direct {
    model: Box<dyn pilotlight_inference::Model>,
    buffers: Buffers,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Direct {
    fn load(file: Vec<u8>) -> Self {
        let runtime = OnnxRuntime::new(OnnxRuntimeOptions::default()).unwrap();
        let model = runtime.load("reference", file, Precision::F32.into()).unwrap();
        let port = |port: &pilotlight_inference::Port| {
            let element = match port.element {
                pilotlight_inference::Element::I64 => Element::I64,
                pilotlight_inference::Element::F32 => Element::F32,
                other => panic!("{} is of {other}", port.name),
            };
            let size = |dimension: &Dimension| match dimension {
                Dimension::Fixed(size) => Some(*size as usize),
                Dimension::Named(_) | Dimension::Any => None,
            };
            let dims = port.dimensions.as_ref().unwrap().iter().map(size).collect();
            Port { name: port.name.clone(), element, dims }
        };
        let inputs = model.signature().inputs.iter().map(port).collect();
        let outputs = model.signature().outputs.iter().map(port).collect();
        Self { model, buffers: Buffers::new(0), inputs, outputs }
    }
}

impl Engine for Direct {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let tensor = |tensor: &Tensor| {
            assert_eq!(tensor.element, Element::I64);
            let sizes: Vec<u32> = tensor.shape.iter().map(|size| *size as u32).collect();
            let element = pilotlight_inference::Element::I64;
            pilotlight_inference::Tensor::copied(&self.buffers, element, &sizes, &tensor.bytes)
                .unwrap()
        };
        let inputs: Vec<_> = inputs.iter().map(tensor).collect();
        let outputs = self.model.run(&inputs, &self.buffers).unwrap();
        let named = self.outputs.iter().zip(&outputs).map(|(port, tensor)| {
            let shape = tensor.shape().sizes().iter().map(|size| *size as usize).collect();
            let bytes = tensor.bytes().to_vec();
            (port.name.clone(), Tensor { element: port.element, shape, bytes })
        });
        Ok(named.collect())
    }

    fn place(&self) -> &'static str {
        "test"
    }
}

/// A service of a model whose graph ONNX Runtime computes, one text at a time; `None` if the model has not been
/// fetched, or the library is not there.
fn reference(model: &Model, task: Task, labels: &[&str]) -> Option<Service> {
    if !backends().contains(&"onnxruntime") {
        return None;
    }
    let choices = Choices { task: Some(task), ..Choices::default() };
    let signature = |file: &std::path::Path| {
        pilotlight_onnx::signature(file).map_err(|error| error.to_string())
    };
    let folder = ModelFolder::detect(&model.folder()?, &choices, &signature).unwrap();
    let manifest = folder.manifest().clone();
    let longest = manifest.max_length.unwrap_or(512);
    let engine = Direct::load(folder.read(&manifest.onnx_file).unwrap());
    let padding = Padding { pad_to_multiple_of: 1, longest, fixed: None, first_position: 0 };
    let encoder = Encoder::new(Box::new(engine), padding, (1, None)).unwrap();
    let tokenizer = Tokenizer::load(&folder.read("tokenizer.json").unwrap(), longest).unwrap();
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    let text = TextModel::from_parts(tokenizer, encoder, labels, manifest);
    let text = model::Model::Text(Box::new(text));
    Some(Service::new(Function::new(&folder, text, "float32").unwrap()))
}

fn expected(service: &Service, path: &str, request: &Value) -> Value {
    let endpoint = service.route(Head { method: "POST", path, ..Head::default() }).unwrap();
    let body = request.to_string();
    let found = service.answer(&endpoint, body.as_bytes(), &mut Usage::default()).unwrap();
    serde_json::from_slice(&found.body).unwrap()
}

/// The smallest cosine of the vectors of golden texts and those of the reference.
fn least_cosine(server: &Server, reference: &Service, file: &str) -> f64 {
    let path = "/v1/sentence-embeddings";
    let of_text = |line: Value| {
        let request = json!({"inputs": [line["text"]]});
        let (found, wanted) = (answer(server, path, &request), expected(reference, path, &request));
        cosine(&numbers(&found[0]), &numbers(&wanted[0]))
    };
    lines(file).into_iter().map(of_text).fold(1.0, f64::min)
}

/// The largest difference of the logits of golden pairs and those of the reference.
fn most_of_logits(server: &Server, reference: &Service) -> f64 {
    let path = "/v1/reranking";
    let logits = |ranks: &Value| {
        let mut logits: Vec<(u64, f64)> = array(ranks)
            .iter()
            .map(|rank| (rank["index"].as_u64().unwrap(), rank["score"].as_f64().unwrap()))
            .collect();
        logits.sort_by_key(|(index, _)| *index);
        logits
    };
    let of_query = |line: Value| {
        let inputs = json!({"query": line["query"], "texts": line["texts"]});
        let request = json!({"inputs": inputs, "parameters": {"raw_scores": true}});
        let (found, wanted) = (answer(server, path, &request), expected(reference, path, &request));
        let (found, wanted) = (logits(&found), logits(&wanted));
        assert_eq!(found.len(), wanted.len());
        let differences = found.iter().zip(&wanted).map(|(one, two)| (one.1 - two.1).abs());
        differences.fold(0.0, f64::max)
    };
    lines("rerank.jsonl").into_iter().map(of_query).fold(0.0, f64::max)
}

/// Measures a model on each backend; `check` gets the backend and what was measured.
fn on_each_backend(
    model: &Model,
    (task, labels): (Task, &[&str]),
    measure: impl Fn(&Server, &Service) -> f64,
    check: impl Fn(&str, f64),
) {
    let Some(reference) = reference(model, task, labels) else { return };
    for backend in backends() {
        let Some(server) = model.serve(&["--compute", "host", "--backend", backend]) else {
            return;
        };
        let measured = measure(&server, &reference);
        let computes = graph_status(&server)["backend"].clone();
        println!("{}, {backend} ({computes}): {measured}", model.name);
        check(backend, measured);
    }
}

fn check_embeddings(model: &Model, file: &str, least: impl Fn(&str) -> f64) {
    let measure = |server: &Server, reference: &Service| least_cosine(server, reference, file);
    on_each_backend(model, (Task::SentenceEmbeddings, &[]), measure, |backend, cosine| {
        assert!(cosine >= least(backend), "{}, {backend}: cosine {cosine}", model.name);
    });
}

/// Whether ONNX Runtime's products of bytes are exact here: before VNNI, x86 adds pairs of them in 16 bits, which
/// saturate.
fn products_are_exact() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

#[test]
fn minilm_has_the_embeddings_of_onnx_runtime_on_this_processor() {
    check_embeddings(&MINILM, "embeddings_minilm.jsonl", |_| 0.999_999);
}

#[test]
fn bge_small_has_the_embeddings_of_onnx_runtime_on_this_processor() {
    // It quantizes while it computes: a sum in another order flips codes.
    let least = |backend: &str| if backend == "onnxruntime" { 0.999_999 } else { 0.99 };
    check_embeddings(&BGE_SMALL, "embeddings_bge.jsonl", least);
}

#[test]
fn the_reranker_has_the_logits_of_onnx_runtime_on_this_processor() {
    let others = if products_are_exact() { 0.1 } else { 0.3 };
    on_each_backend(&RERANKER, (Task::Reranking, &["LABEL_0"]), most_of_logits, |backend, most| {
        let allowed = if backend == "onnxruntime" { 1e-4 } else { others };
        assert!(most <= allowed, "{backend}: logits differ by {most}");
    });
}
