//! ONNX Runtime called directly: the limit for everything that serves the same file.
//!
//! `direct MODEL.onnx IDS.jsonl [--callers N] [--threads-per-session N] [--batch N] [--seconds N]
//! [--length TOKENS] [--ours]`: each caller has a session of its own and runs one batch after the
//! other. The lines of `IDS.jsonl` are `{"ids": [2, 17, 3]}`; `--length` cuts or
//! repeats each to so many tokens. `--ours` calls through this crate's queue and threads instead. Prints one line of JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool for measuring, not for serving"
)]

use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;
use pilotlight_inference::{
    Element, Graph, GraphOptions, Graphs, OnnxRuntime, OnnxRuntimeOptions, Tensor,
};

struct Options {
    model: Vec<u8>,
    texts: Vec<Vec<i64>>,
    callers: usize,
    threads: usize,
    batch: usize,
    time: Duration,
    ours: bool,
}

/// Texts padded to the longest: ids, mask and types, row after row.
struct Batch {
    rows: usize,
    length: usize,
    ids: Vec<i64>,
    mask: Vec<i64>,
    types: Vec<i64>,
}

/// Something that runs a batch.
type Caller<'a> = Box<dyn FnMut(&Batch) + Send + 'a>;

fn main() {
    let options = options();
    let batches: Vec<Batch> = options.texts.chunks(options.batch).map(Batch::new).collect();
    let results = if options.ours {
        let backend = OnnxRuntime::new(OnnxRuntimeOptions::default()).expect("ONNX Runtime");
        let graphs = Graphs::new(Box::new(backend), cores()).expect("threads");
        let limits = GraphOptions::default();
        let graph = graphs.load("model", options.model.clone(), limits).expect("the model loads");
        measure(&options, &batches, || ours(&graphs, &graph))
    } else {
        let library = std::env::var("ORT_DYLIB_PATH").expect("ORT_DYLIB_PATH");
        let environment = ort::init_from(library).unwrap().build().unwrap();
        measure(&options, &batches, || direct(&options, &environment))
    };
    report(&options, results);
}

fn options() -> Options {
    let mut files = Vec::new();
    let (mut callers, mut threads, mut batch, mut seconds, mut length) = (1, 1, 1, 5, None);
    let mut ours = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
        match &argument[..] {
            "--callers" => callers = number(),
            "--threads-per-session" => threads = number(),
            "--batch" => batch = number(),
            "--seconds" => seconds = number(),
            "--length" => length = Some(number()),
            "--ours" => ours = true,
            _ => files.push(argument),
        }
    }
    let [model, ids] = &files[..] else { panic!("two files are needed: a model and ids") };
    let mut texts = read_ids(Path::new(ids));
    if let Some(length) = length {
        texts.iter_mut().for_each(|ids| *ids = ids.iter().copied().cycle().take(length).collect());
    }
    let model = std::fs::read(model).expect("the model can be read");
    let time = Duration::from_secs(seconds as u64);
    Options { model, texts, callers, threads, batch, time, ours }
}

fn read_ids(file: &Path) -> Vec<Vec<i64>> {
    let text = std::fs::read_to_string(file).expect("the ids can be read");
    let ids = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let ids = line["ids"].as_array().expect("a list named ids");
        ids.iter().map(|id| id.as_i64().expect("a whole number")).collect()
    };
    text.lines().map(ids).collect()
}

impl Batch {
    fn new(texts: &[Vec<i64>]) -> Self {
        let length = texts.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |text: &Vec<i64>, fill: &dyn Fn(i64) -> i64| {
            let mut row: Vec<i64> = text.iter().map(|id| fill(*id)).collect();
            row.resize(length, 0);
            row
        };
        let ids = texts.iter().flat_map(|text| padded(text, &|id| id)).collect();
        let mask = texts.iter().flat_map(|text| padded(text, &|_| 1)).collect();
        let types = vec![0; texts.len() * length];
        Self { rows: texts.len(), length, ids, mask, types }
    }

    fn inputs(&self) -> [(&'static str, &Vec<i64>); 3] {
        [("input_ids", &self.ids), ("attention_mask", &self.mask), ("token_type_ids", &self.types)]
    }
}

fn direct(options: &Options, environment: &Environment) -> Caller<'static> {
    let builder = Session::builder(environment).unwrap();
    let builder = builder.with_intra_threads(options.threads).unwrap();
    // Several sessions' threads would spin against one another.
    let mut builder = builder.with_intra_op_spinning(options.callers == 1).unwrap();
    let mut session = builder.commit_from_memory(&options.model).unwrap();
    let names: Vec<String> = session.inputs().iter().map(|input| input.name().to_owned()).collect();
    Box::new(move |batch| {
        let shape = [batch.rows, batch.length];
        let inputs = batch.inputs();
        let inputs: Vec<_> = inputs
            .iter()
            .filter(|(name, _)| names.iter().any(|known| known == name))
            .map(|(name, data)| (*name, TensorRef::from_array_view((shape, &data[..])).unwrap()))
            .collect();
        session.run(inputs).unwrap();
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn ours<'a>(graphs: &'a Graphs, graph: &'a Graph) -> Caller<'a> {
    Box::new(move |batch| {
        let sizes = [batch.rows as u32, batch.length as u32];
        let inputs = batch.inputs();
        let inputs: Vec<(String, Tensor)> = graph
            .signature()
            .inputs
            .iter()
            .map(|port| {
                let (_, data) = inputs.iter().find(|(name, _)| *name == port.name).unwrap();
                let bytes: Vec<u8> = data.iter().flat_map(|id| id.to_le_bytes()).collect();
                let tensor = Tensor::copied(graphs.buffers(), Element::I64, &sizes, &bytes);
                (port.name.clone(), tensor.unwrap())
            })
            .collect();
        block_on(graph.compute(inputs)).unwrap();
    })
}

/// Rows a second, and what each batch took.
fn measure<'a>(
    options: &Options,
    batches: &[Batch],
    mut caller: impl FnMut() -> Caller<'a>,
) -> (f64, Vec<Duration>) {
    let mut callers: Vec<_> = (0..options.callers).map(|_| caller()).collect();
    let barrier = Barrier::new(callers.len());
    let repeat = |number: usize, run: &mut Caller<'a>| {
        batches.iter().take(20).for_each(&mut **run);
        barrier.wait();
        let begin = Instant::now();
        let (mut rows, mut times) = (0, Vec::new());
        // Callers are not to run the same batch at the same time.
        for batch in batches.iter().cycle().skip(number * batches.len() / options.callers) {
            let start = Instant::now();
            if start >= begin + options.time {
                break;
            }
            run(batch);
            times.push(start.elapsed());
            rows += batch.rows;
        }
        // The last batch ends later than asked for.
        (rows as f64 / begin.elapsed().as_secs_f64(), times)
    };
    std::thread::scope(|scope| {
        let repeat = &repeat;
        let started: Vec<_> = callers
            .iter_mut()
            .enumerate()
            .map(|(number, run)| scope.spawn(move || repeat(number, run)))
            .collect();
        let ended = started.into_iter().map(|thread| thread.join().unwrap());
        ended.fold((0.0, Vec::new()), |(rate, mut times), (more, other)| {
            times.extend(other);
            (rate + more, times)
        })
    })
}

fn report(options: &Options, (rate, mut times): (f64, Vec<Duration>)) {
    times.sort_unstable();
    let quantile = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times[index.min(times.len() - 1)].as_secs_f64() * 1e3
    };
    let line = serde_json::json!({
        "per_second": rate,
        "p50_ms": quantile(0.5),
        "p99_ms": quantile(0.99),
        "rss_bytes": resident(),
        "callers": options.callers,
        "threads_per_session": if options.ours { 0 } else { options.threads },
        "batch": options.batch,
    });
    println!("{line}");
}

/// Resident memory in bytes; zero where the system does not tell it this way.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
