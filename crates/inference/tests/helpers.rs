//! Threads without a batch help others with theirs, and leave for calls that arrive; where all have one, long batches
//! let short ones pass.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use pilotlight_inference::{
    Backend, Batching, Buffers, Closed, Dimension, Element, Graph, GraphOptions, Graphs,
    LoadOptions, Model, Port, Result, RunError, Signature, Tensor, Workers,
};

/// Anything here takes less.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all calls share.
#[derive(Default)]
struct Watch {
    /// Threads that have computed a part of a call that shares.
    helped: Mutex<HashSet<ThreadId>>,
    stop: AtomicBool,
    /// How often a patient call has let others pass.
    asked: AtomicUsize,
    /// First bytes of calls, in the order in which they began and ended.
    began: Mutex<Vec<u8>>,
    ended: Mutex<Vec<u8>>,
}

/// Begins calls that share parts until they are stopped.
const SHARING: u8 = 1;
/// Begins calls that let others pass until they are stopped.
const PATIENT: u8 = 2;

/// Computes calls as their first byte says, others at once.
struct Sections {
    signature: Signature,
    watch: Arc<Watch>,
}

impl Backend for Sections {
    fn name(&self) -> &'static str {
        "sections"
    }

    fn load(&self, _: &str, _: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
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

    fn batching(&self) -> Batching {
        Batching::Ragged
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
        workers: &dyn Workers,
    ) -> Vec<std::result::Result<Vec<Tensor>, RunError>> {
        let firsts: Vec<u8> = calls.iter().map(|inputs| inputs[0].bytes()[0]).collect();
        self.watch.began.lock().unwrap().extend(&firsts);
        let start = Instant::now();
        let goes_on = || !self.watch.stop.load(Ordering::Relaxed) && start.elapsed() < PATIENCE;
        while firsts.contains(&SHARING) && goes_on() {
            workers.share(4, &|_| {
                self.watch.helped.lock().unwrap().insert(std::thread::current().id());
                std::thread::sleep(Duration::from_micros(50));
            });
        }
        while firsts.contains(&PATIENT) && goes_on() {
            workers.interleave(400);
            self.watch.asked.fetch_add(1, Ordering::Relaxed);
            std::thread::yield_now();
        }
        // What has passed lets nobody pass.
        workers.interleave(if firsts.contains(&PATIENT) { 0 } else { 1000 });
        self.watch.ended.lock().unwrap().extend(&firsts);
        calls.iter().map(|inputs| Ok(inputs.to_vec())).collect()
    }
}

/// Graphs on so many threads, and what happens there.
fn graphs(threads: usize) -> (Graphs, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let dimensions = Some(vec![Dimension::Any, Dimension::Any]);
    let port = |name: &str| {
        let (name, dimensions) = (name.to_owned(), dimensions.clone());
        Port { name, element: Element::U8, dimensions }
    };
    let signature = Signature { inputs: vec![port("x")], outputs: vec![port("y")] };
    let backend = Sections { signature, watch: Arc::clone(&watch) };
    (Graphs::new(Box::new(backend), threads).unwrap(), watch)
}

/// A call of so many tokens.
async fn call(graph: &Graph, first: u8, tokens: u32) {
    let mut bytes = vec![0; tokens as usize];
    bytes[0] = first;
    let x = Tensor::copied(&Buffers::new(0), Element::U8, &[1, tokens], &bytes).unwrap();
    graph.compute(vec![("x".to_owned(), x)]).await.unwrap();
}

/// Waits until `done`.
fn wait_for(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "nothing happens");
        std::thread::yield_now();
    }
}

#[test]
fn an_idle_thread_helps_until_a_call_arrives_and_comes_back() {
    let (graphs, watch) = graphs(2);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let helped = || watch.helped.lock().unwrap().len() == 2;
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(call(&graph, SHARING, 64)));
        wait_for(helped);
        // The helper computes it, as the other thread is not done.
        block_on(call(&graph, 0, 64));
        watch.helped.lock().unwrap().clear();
        wait_for(helped);
        assert!(!watch.stop.swap(true, Ordering::Relaxed));
    });
    assert_eq!(graph.status().batches, 2);
}

#[test]
fn one_thread_has_no_helpers() {
    let (graphs, watch) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(call(&graph, SHARING, 64)));
        wait_for(|| !watch.helped.lock().unwrap().is_empty());
        watch.stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(watch.helped.lock().unwrap().len(), 1);
}

#[test]
fn short_calls_of_any_graph_pass_a_long_one() {
    let (graphs, watch) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    let other = graphs.load("other", vec![], GraphOptions::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(call(&graph, PATIENT, 400)));
        wait_for(|| watch.began.lock().unwrap().contains(&PATIENT));
        block_on(call(&graph, 8, 8));
        block_on(call(&other, 9, 100));
        assert!(!watch.stop.swap(true, Ordering::Relaxed));
    });
    assert_eq!(*watch.ended.lock().unwrap(), [8, 9, PATIENT]);
    let passed = |graph: &Graph| {
        graph
            .status()
            .closed
            .iter()
            .find(|(c, _)| *c == Closed::Interleaved)
            .map(|(_, count)| *count)
    };
    assert_eq!((passed(&graph), passed(&other)), (Some(1), Some(1)));
}

/// Waits until a patient call has let others pass some more times.
fn wait_for_chances(watch: &Watch) {
    let before = watch.asked.load(Ordering::Relaxed);
    wait_for(|| watch.asked.load(Ordering::Relaxed) > before + 3);
}

#[test]
fn a_long_call_waits_for_no_more_than_its_own_size() {
    let (graphs, watch) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(call(&graph, PATIENT, 400)));
        wait_for(|| watch.began.lock().unwrap().contains(&PATIENT));
        (0..4).for_each(|_| block_on(call(&graph, 0, 90)));
        scope.spawn(|| block_on(call(&graph, 0, 90)));
        wait_for(|| graph.status().waiting == 1);
        wait_for_chances(&watch);
        watch.stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(watch.ended.lock().unwrap()[4], PATIENT);
}

#[test]
fn nothing_passes_what_has_waited_longer() {
    let (graphs, watch) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(call(&graph, PATIENT, 400)));
        wait_for(|| watch.began.lock().unwrap().contains(&PATIENT));
        // More than 100 tokens never pass this one.
        scope.spawn(|| block_on(call(&graph, 7, 101)));
        wait_for(|| graph.status().waiting == 1);
        scope.spawn(|| block_on(call(&graph, 8, 8)));
        wait_for(|| graph.status().waiting == 2);
        wait_for_chances(&watch);
        watch.stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(watch.ended.lock().unwrap()[0], PATIENT);
}

#[test]
fn nothing_passes_what_has_passed_or_is_short_itself() {
    let (graphs, watch) = graphs(1);
    let graph = graphs.load("g", vec![], GraphOptions::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(call(&graph, PATIENT, 192)));
        wait_for(|| watch.began.lock().unwrap().contains(&PATIENT));
        scope.spawn(|| block_on(call(&graph, 8, 8)));
        wait_for(|| graph.status().waiting == 1);
        wait_for_chances(&watch);
        assert_eq!(*watch.began.lock().unwrap(), [PATIENT]);
        watch.stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(*watch.ended.lock().unwrap(), [PATIENT, 8]);
}
