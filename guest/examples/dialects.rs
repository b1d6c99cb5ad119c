//! Measures what each HTTP interface adds to an inference: reading a request and writing its answer. The
//! engine answers a constant vector, and its time and that of the tokenizer are subtracted. Prints a table;
//! with `--json`, JSON.
//!
//!     cargo run --release -p pilotlight-guest --example dialects

mod stub;

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use pilotlight_guest::api::ApiError;
use pilotlight_guest::json::{Row, write};
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service};
use pilotlight_model::Task;
use serde_json::{Value, json};

use self::stub::{COLUMNS, NAME, text};

/// Tokens of each text.
const TOKENS: usize = 32;
/// Texts of a large request.
const MANY: usize = 256;
/// What all-MiniLM-L6-v2 takes for a text of as many tokens, in microseconds.
const INFERENCE: f64 = 9_000.0;
/// What is measured of each request; half of them before it.
const TIME: Duration = Duration::from_millis(400);

/// A request in the form of an interface.
struct Form {
    name: &'static str,
    task: Task,
    path: String,
    json_length: Option<String>,
    body: Vec<u8>,
}

/// What a form was measured to take.
struct Measured {
    name: &'static str,
    texts: usize,
    /// Median, in microseconds.
    micros: f64,
    request_bytes: usize,
    answer_bytes: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let embedder = stub::service(Task::SentenceEmbeddings)?;
    let ranker = stub::service(Task::Reranking)?;
    let text = text(&embedder, TOKENS)?;
    let mut all = Vec::new();
    for count in [1, MANY] {
        for form in forms(&vec![&text[..]; count]) {
            let service = if form.task == Task::Reranking { &ranker } else { &embedder };
            all.push(measure(service, &form, count)?);
        }
    }
    all.push(vectors_alone()?);
    match std::env::args().any(|argument| argument == "--json") {
        true => println!("{}", to_json(&all)),
        false => print_table(&all),
    }
    Ok(())
}

fn forms(texts: &[&str]) -> Vec<Form> {
    let count = texts.len();
    let infer = format!("/v2/models/{NAME}/infer");
    let form = |name, path: &str, body: Value| Form {
        name,
        task: Task::SentenceEmbeddings,
        path: path.to_owned(),
        json_length: None,
        body: body.to_string().into_bytes(),
    };
    let ranking = |name, path, body| Form { task: Task::Reranking, ..form(name, path, body) };
    let input = json!({"name": "text", "shape": [count], "datatype": "BYTES", "data": texts});
    let floats = json!({"input": texts, "model": NAME, "encoding_format": "float"});
    let base64 = json!({"input": texts, "model": NAME, "encoding_format": "base64"});
    vec![
        form(
            "pipelines: /v1/sentence-embeddings",
            "/v1/sentence-embeddings",
            json!({"inputs": texts}),
        ),
        form("Hugging Face: /", "/", json!({"inputs": texts})),
        form("text-embeddings-inference: /embed", "/embed", json!({"inputs": texts})),
        form("OpenAI: float", "/v1/embeddings", floats),
        form("OpenAI: base64", "/v1/embeddings", base64),
        form("vLLM: /pooling", "/pooling", json!({"input": texts})),
        form("Open Inference: JSON", &infer, json!({"inputs": [input]})),
        binary(texts, infer),
        ranking(
            "text-embeddings-inference: /rerank",
            "/rerank",
            json!({"query": "a", "texts": texts}),
        ),
        ranking("Cohere: /v2/rerank", "/v2/rerank", json!({"query": "a", "documents": texts})),
    ]
}

/// Tensors in binary, there and back.
fn binary(texts: &[&str], path: String) -> Form {
    let mut tensor = Vec::new();
    for text in texts {
        tensor.extend((text.len() as u32).to_le_bytes());
        tensor.extend(text.as_bytes());
    }
    let head = json!({
        "inputs": [{
            "name": "text",
            "shape": [texts.len()],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": tensor.len()},
        }],
        "parameters": {"binary_data_output": true},
    });
    let mut body = head.to_string().into_bytes();
    let json_length = Some(body.len().to_string());
    body.append(&mut tensor);
    let (name, task) = ("Open Inference: binary", Task::SentenceEmbeddings);
    Form { name, task, path, json_length, body }
}

fn measure(service: &Service, form: &Form, texts: usize) -> Result<Measured, ApiError> {
    let (micros, answer_bytes) = median(|| request(service, form))?;
    Ok(Measured { name: form.name, texts, micros, request_bytes: form.body.len(), answer_bytes })
}

/// Vectors of random numbers, written without a request.
fn vectors_alone() -> Result<Measured, ApiError> {
    let value = |index: usize| ((index * 7919 % 100_003) as f32 - 50_001.5) / 500_000.0;
    let row = |row: usize| (0..COLUMNS).map(|column| value(row * 104_729 + column)).collect();
    let rows: Vec<Row<Vec<f32>>> = (0..MANY).map(row).map(Row).collect();
    let (micros, answer_bytes) = median(|| {
        let start = Instant::now();
        let json = black_box(write(black_box(&rows))?);
        Ok((start.elapsed(), json.len()))
    })?;
    let name = "vectors as JSON, written alone";
    Ok(Measured { name, texts: MANY, micros, request_bytes: 0, answer_bytes })
}

/// The median time in microseconds of what tells its time, and the bytes of its last answer.
fn median(
    mut run: impl FnMut() -> Result<(Duration, usize), ApiError>,
) -> Result<(f64, usize), ApiError> {
    let (mut times, mut answer_bytes) = (Vec::new(), 0);
    let start = Instant::now();
    while start.elapsed() < TIME {
        let (took, bytes) = run()?;
        answer_bytes = bytes;
        if start.elapsed() > TIME / 2 {
            times.push(took);
        }
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok((median.as_secs_f64() * 1e6, answer_bytes))
}

/// What a request took without the tokenizer and the engine, and bytes of the answer.
fn request(service: &Service, form: &Form) -> Result<(Duration, usize), ApiError> {
    let head = Head {
        method: "POST",
        path: &form.path,
        content_type: Some("application/json"),
        json_length: form.json_length.as_deref(),
        ..Head::default()
    };
    let mut usage = Usage::default();
    let start = Instant::now();
    let endpoint = service.route(black_box(head))?;
    let answer = black_box(service.answer(&endpoint, &form.body, &mut usage)?);
    let took = start.elapsed();
    Ok((took.saturating_sub(usage.tokenization + usage.inference), answer.body.len()))
}

fn print_table(all: &[Measured]) {
    println!("{COLUMNS} columns, {TOKENS} tokens a text; median microseconds to read and write\n");
    println!("| interface | texts | µs | of an inference | request bytes | answer bytes |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for Measured { name, texts, micros, request_bytes, answer_bytes } in all {
        let share = 100.0 * micros / (INFERENCE * *texts as f64);
        println!(
            "| {name} | {texts} | {micros:.1} | {share:.2} % | {request_bytes} | {answer_bytes} |"
        );
    }
    println!("\nall-MiniLM-L6-v2 takes about {} ms for a text of 32 tokens", INFERENCE / 1e3);
}

fn to_json(all: &[Measured]) -> Value {
    let measured = all.iter().map(|one| {
        json!({
            "interface": one.name,
            "texts": one.texts,
            "median_us": one.micros,
            "request_bytes": one.request_bytes,
            "answer_bytes": one.answer_bytes,
        })
    });
    json!({"columns": COLUMNS, "tokens": TOKENS, "measured": measured.collect::<Vec<_>>()})
}
