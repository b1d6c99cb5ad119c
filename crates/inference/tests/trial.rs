//! What is tried of a graph before calls of different callers share its batches.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::sync::{Arc, Mutex};

use pilotlight_inference::{
    Backend, Batching, Buffers, Dimension, Element, GraphOptions, Graphs, LoadOptions, Model, Port,
    Result, RunError, Signature, Tensor,
};

/// The bytes of each input of a run.
type Run = Vec<Vec<u8>>;

/// Gives its first input back, and keeps all that it is given.
struct Recorder {
    signature: Signature,
    runs: Arc<Mutex<Vec<Run>>>,
}

struct Recording(Arc<Mutex<Vec<Run>>>);

impl Backend for Recording {
    fn name(&self) -> &'static str {
        "recording"
    }

    fn load(&self, _: &str, _: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
        let dimensions = Some(vec![Dimension::Named("rows".into()), Dimension::Fixed(16)]);
        let port = |name: &str, element| Port {
            name: name.into(),
            element,
            dimensions: dimensions.clone(),
        };
        let inputs = vec![port("x", Element::F32), port("ids", Element::I64)];
        let inputs = [inputs, vec![port("mask", Element::I64)]].concat();
        let signature = Signature { inputs, outputs: vec![port("y", Element::F32)] };
        Ok(Box::new(Recorder { signature, runs: Arc::clone(&self.0) }))
    }
}

impl Model for Recorder {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> &'static str {
        "recording"
    }

    fn batching(&self) -> Batching {
        Batching::Stacked
    }

    fn run(&self, inputs: &[Tensor], _: &Buffers) -> std::result::Result<Vec<Tensor>, RunError> {
        let run = inputs.iter().map(|input| input.bytes().to_vec()).collect();
        self.runs.lock().unwrap().push(run);
        Ok(vec![inputs[0].clone()])
    }
}

/// What is run when a graph is loaded.
fn runs() -> Vec<Run> {
    let runs = Arc::new(Mutex::new(Vec::new()));
    let graphs = Graphs::new(Box::new(Recording(Arc::clone(&runs))), 1).unwrap();
    let graph = graphs.load("g", Vec::new(), GraphOptions::default()).unwrap();
    assert_eq!(graph.mixes_rows(), None);
    let runs = runs.lock().unwrap();
    runs.clone()
}

#[test]
fn rows_that_are_tried_are_random_and_the_same_each_time() {
    let tried = runs();
    assert_eq!(tried, runs());
    let [first, second, both] = &tried[..] else { panic!("{} runs", tried.len()) };
    for ((first, second), both) in first.iter().zip(second).zip(both) {
        assert_ne!(first, second);
        assert_eq!(&[&first[..], &second[..]].concat(), both);
    }
    let numbers = |bytes: &[u8]| -> Vec<f32> {
        let (numbers, _) = bytes.as_chunks::<4>();
        numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let mut numbers = numbers(&both[0]);
    assert!(numbers.iter().all(|number| (0.125..1.0).contains(number)), "{numbers:?}");
    numbers.sort_by(f32::total_cmp);
    numbers.dedup();
    assert_eq!(numbers.len(), 32, "no number comes twice");
    let (ids, _) = both[1].as_chunks::<8>();
    assert!(ids.iter().all(|id| i64::from_le_bytes(*id) & !1 == 0), "an index of any table");
    assert_ne!(both[1], both[2], "inputs do not go together");
}
