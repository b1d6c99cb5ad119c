//! Threads without a batch help others with theirs, and leave for calls that arrive.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use pilotlight_inference::{
    Backend, Buffers, Company, Dimension, Element, GraphOptions, Graphs, Model, Port, Result,
    RunError, Signature, Tensor, Turn,
};

/// Anything here takes less.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all calls share.
#[derive(Default)]
struct Watch {
    /// Threads that have computed a part of the long call.
    helped: Mutex<HashSet<ThreadId>>,
    stop: AtomicBool,
}

/// Computes calls that begin with 1 until it is stopped, and all others at once.
struct Sections {
    signature: Signature,
    watch: Arc<Watch>,
}

impl Backend for Sections {
    fn name(&self) -> &'static str {
        "sections"
    }

    fn load(&self, _: &str, _: Vec<u8>) -> Result<Box<dyn Model>> {
        let (signature, watch) = (self.signature.clone(), Arc::clone(&self.watch));
        Ok(Box::new(Self { signature, watch }))
    }
}

impl Model for Sections {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> &'static str {
        "sections"
    }

    fn company(&self) -> Company {
        Company::Ragged
    }

    fn tokens(&self, inputs: &[Tensor]) -> Vec<u32> {
        inputs.iter().map(|input| input.shape().sizes()[1]).collect()
    }

    fn run(&self, inputs: &[Tensor], _: &Buffers) -> std::result::Result<Vec<Tensor>, RunError> {
        Ok(inputs.to_vec())
    }

    fn run_together(
        &self,
        calls: &[&[Tensor]],
        _: &Buffers,
        turn: &dyn Turn,
    ) -> Vec<std::result::Result<Vec<Tensor>, RunError>> {
        if calls.iter().any(|inputs| inputs[0].bytes()[0] == 1) {
            let start = Instant::now();
            while !self.watch.stop.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
                turn.share(4, &|_| {
                    self.watch.helped.lock().unwrap().insert(std::thread::current().id());
                    std::thread::sleep(Duration::from_micros(50));
                });
            }
        }
        calls.iter().map(|inputs| Ok(inputs.to_vec())).collect()
    }
}

#[test]
fn an_idle_thread_helps_until_a_call_arrives_and_comes_back() {
    let watch = Arc::new(Watch::default());
    let dimensions = Some(vec![Dimension::Named("batch".into()), Dimension::Named("s".into())]);
    let port = |name: &str| Port {
        name: name.into(),
        element: Element::U8,
        dimensions: dimensions.clone(),
    };
    let signature = Signature { inputs: vec![port("x")], outputs: vec![port("y")] };
    let backend = Sections { signature, watch: Arc::clone(&watch) };
    let graphs = Graphs::new(Box::new(backend), 2).unwrap();
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let call = |first: u8| {
        let bytes = [vec![first], vec![0; 63]].concat();
        let x = Tensor::copied(graphs.buffers(), Element::U8, &[1, 64], &bytes).unwrap();
        block_on(graph.compute(vec![("x".to_owned(), x)])).unwrap()
    };
    let helped = || watch.helped.lock().unwrap().len();
    let wait_for_help = || {
        let start = Instant::now();
        while helped() < 2 {
            assert!(start.elapsed() < PATIENCE, "nobody helps");
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| call(1));
        wait_for_help();
        // The helper computes it, as the other thread is not done.
        call(0);
        watch.helped.lock().unwrap().clear();
        wait_for_help();
        assert!(!watch.stop.swap(true, Ordering::Relaxed));
    });
    assert_eq!(graph.status().batches, 2);
}

#[test]
fn one_thread_has_no_helpers() {
    let watch = Arc::new(Watch::default());
    let dimensions = Some(vec![Dimension::Any, Dimension::Any]);
    let port = |name: &str| Port {
        name: name.into(),
        element: Element::U8,
        dimensions: dimensions.clone(),
    };
    let signature = Signature { inputs: vec![port("x")], outputs: vec![port("y")] };
    let graphs =
        Graphs::new(Box::new(Sections { signature, watch: Arc::clone(&watch) }), 1).unwrap();
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let x = Tensor::copied(graphs.buffers(), Element::U8, &[1, 64], &[1; 64]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(graph.compute(vec![("x".to_owned(), x)])).unwrap());
        while watch.helped.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        watch.stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(watch.helped.lock().unwrap().len(), 1);
}
