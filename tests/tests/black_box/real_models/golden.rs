//! Comparison with the answers in `tests/golden`.

use pilotlight_tests::{Server, root};
use serde_json::{Value, json};

/// Texts in a request.
const BATCH: usize = 8;

pub(super) fn lines(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/golden").join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn answer(server: &Server, path: &str, request: &Value) -> Value {
    let answer = server.post(path, request.to_string());
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

pub(super) fn numbers(value: &Value) -> Vec<f64> {
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"));
    array(value).iter().map(number).collect()
}

pub(super) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// The cosine of each text's vector and the golden one has to be `least`.
pub(super) fn check_embeddings(server: &Server, file: &str, least: f64) {
    for batch in lines(file).chunks(BATCH) {
        let texts: Vec<&Value> = batch.iter().map(|line| &line["text"]).collect();
        let vectors = answer(server, "/v1/sentence-embeddings", &json!({"inputs": texts}));
        assert_eq!(array(&vectors).len(), batch.len());
        for (line, vector) in batch.iter().zip(array(&vectors)) {
            let vector = numbers(vector);
            let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            assert!((length - 1.0).abs() < 1e-3, "{} has the length {length}", line["text"]);
            let cosine = cosine(&vector, &numbers(&line["embedding"]));
            assert!(cosine >= least, "{}: cosine {cosine}", line["text"]);
        }
    }
}

/// Logits may differ by so much, but not the order of texts whose logits are further apart.
pub(super) fn check_ranks(server: &Server, most: f64) {
    for line in lines("rerank.jsonl") {
        let inputs = json!({"query": line["query"], "texts": line["texts"]});
        let request = json!({"inputs": inputs, "parameters": {"raw_scores": true}});
        let ranks = answer(server, "/v1/reranking", &request);
        let logits = numbers(&line["logits"]);
        let index = |rank: &Value| rank["index"].as_u64().unwrap() as usize;
        let found: Vec<usize> = array(&ranks).iter().map(index).collect();
        assert!((0..logits.len()).all(|text| found.contains(&text)), "{ranks}");
        let is_in_order = |pair: &[usize]| logits[pair[0]] > logits[pair[1]] - 2.0 * most;
        assert!(found.windows(2).all(is_in_order), "{ranks}, golden {logits:?}");
        for rank in array(&ranks) {
            let (score, logit) = (rank["score"].as_f64().unwrap(), logits[index(rank)]);
            assert!((score - logit).abs() < most, "{score}, golden {logit}: {}", line["query"]);
        }
    }
}

/// The tag of each character, found as `decoding` says: `argmax` or `viterbi`.
pub(super) fn check_tags(server: &Server, decoding: &str) {
    let lines = [lines("ner_zh.jsonl"), lines("ner_zh_more.jsonl")].concat();
    for batch in lines.chunks(BATCH) {
        let texts: Vec<&Value> = batch.iter().map(|line| &line["text"]).collect();
        let parameters = json!({"aggregation_strategy": "none", "ignore_labels": []});
        let request = json!({"inputs": texts, "parameters": parameters});
        let answers = answer(server, "/v1/token-classification", &request);
        assert_eq!(array(&answers).len(), batch.len());
        for (line, entities) in batch.iter().zip(array(&answers)) {
            let tags: Vec<&Value> =
                array(entities).iter().map(|entity| &entity["entity"]).collect();
            assert_eq!(json!(tags), line[decoding], "{}", line["text"]);
            let starts = array(entities).iter().map(|entity| entity["start"].as_u64().unwrap());
            assert!(starts.eq(0..tags.len() as u64), "{entities}");
        }
    }
}

/// Tensors may differ by 1e-4.
pub(super) fn check_tensors(server: &Server, file: &str) {
    for line in lines(file) {
        let answer = answer(server, "/v1/tensors", &json!({"inputs": line["inputs"]}));
        let (outputs, expected) = (array(&answer["outputs"]), array(&line["outputs"]));
        assert_eq!(outputs.len(), expected.len());
        for (output, expected) in outputs.iter().zip(expected) {
            for key in ["name", "shape", "datatype"] {
                assert_eq!(output[key], expected[key]);
            }
            let (found, expected) = (numbers(&output["data"]), numbers(&expected["data"]));
            assert_eq!(found.len(), expected.len());
            for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!((found - expected).abs() < 1e-4, "{found}, golden {expected} at {place}");
            }
        }
    }
}
