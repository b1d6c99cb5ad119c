//! Parks ONNX Runtime's threads while callers need the cores (docs/decisions/0012).
//!
//! A run hands parts of its loops to the library's threads whether or not a core is free for them.
//! The number of threads is fixed when a pool is created, and a run cannot choose fewer. But the
//! library runs a graph asynchronously on one of its threads: the callback of a graph of one
//! constant blocks that thread until it is needed again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto,
    TensorType, TypeProto, ValueInfoProto, type_proto,
};

use crate::backend::onnxruntime::call::{self, Names};
use crate::backend::onnxruntime::threads::is_one_of_the_library;

/// Run starts whose concurrency is remembered. Threads that were unparked between the runs of two
/// callers would compete with the next run at once.
const RECENT: usize = 4;

/// Divides the cores between callers and the library's threads.
pub(super) struct Parking {
    recent: Mutex<Recent>,
    /// The highest recent number of concurrent runs.
    most: AtomicUsize,
    /// `None` if threads cannot be parked.
    parker: Option<Arc<Parker>>,
}

/// The number of concurrent runs at each of the last run starts.
#[derive(Default)]
struct Recent {
    running: [usize; RECENT],
    next: usize,
}

impl Parking {
    /// `threads` is the number of the library's own threads; threads of callers do not count.
    pub(super) fn new(environment: &Environment, threads: usize) -> Self {
        let parker = Parker::new(environment, threads);
        Self { recent: Mutex::default(), most: AtomicUsize::new(0), parker }
    }

    /// Parks a thread for each of the `running` runs beyond the first, and all threads without runs,
    /// when they would only spin.
    pub(super) fn share(&self, running: usize) {
        let parked = match running {
            0 => usize::MAX,
            _ => self.recently(running) - 1,
        };
        if let Some(parker) = &self.parker {
            parker.set(parked);
        }
    }

    /// The highest recent number of concurrent runs, including the `running` ones.
    fn recently(&self, running: usize) -> usize {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let next = recent.next;
        recent.running[next] = running;
        recent.next = (next + 1) % RECENT;
        let most = recent.running.into_iter().fold(running, usize::max);
        drop(recent);
        self.most.store(most, Ordering::Relaxed);
        most
    }

    /// Whether runs were concurrent recently.
    pub(super) fn is_shared(&self) -> bool {
        self.most.load(Ordering::Relaxed) > 1
    }
}

/// Parks and unparks threads.
struct Parker {
    constant: Arc<Session>,
    output: Arc<Names>,
    threads: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads to be parked.
    wanted: usize,
    /// Callbacks that block a thread or are about to.
    blocking: usize,
}

impl Parker {
    /// At most `threads` threads are parked. `None` if the library cannot run the graph.
    fn new(environment: &Environment, threads: usize) -> Option<Arc<Self>> {
        if threads == 0 {
            return None;
        }
        let open = || Session::builder(environment)?.commit_from_memory(&constant());
        let constant = open()
            .inspect_err(|error: &ort::Error| tracing::debug!(%error, "threads cannot be parked"));
        let constant = Arc::new(constant.ok()?);
        let output = Arc::new(Names::new(std::iter::once(OUTPUT)).ok()?);
        let (state, changed) = (Mutex::default(), Condvar::new());
        Some(Arc::new(Self { constant, output, threads, state, changed }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parks or unparks threads until `parked` are parked.
    fn set(self: &Arc<Self>, parked: usize) {
        let mut state = self.lock();
        let parked = parked.min(self.threads);
        if parked == state.wanted {
            return;
        }
        state.wanted = parked;
        let missing = parked.saturating_sub(state.blocking);
        state.blocking += missing;
        drop(state);
        self.changed.notify_all();
        for _ in 0..missing {
            let parker = Arc::clone(self);
            let started = call::run_later(&self.constant, &self.output, move || parker.block());
            if let Err(reason) = started {
                tracing::debug!(reason, "a thread was not parked");
                self.lock().blocking -= 1;
            }
        }
    }

    /// Blocks the calling thread until it is unparked.
    fn block(&self) {
        let mut state = self.lock();
        while state.blocking <= state.wanted && is_one_of_the_library() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.blocking -= 1;
    }
}

const OUTPUT: &str = "zero";

/// A graph whose output is the number 0.
fn constant() -> Vec<u8> {
    /// `AttributeProto.AttributeType` and `TensorProto.DataType`
    const INT: i32 = 2;
    const INT64: i32 = 7;
    let zero = AttributeProto { name: "value_int".into(), r#type: INT, ..Default::default() };
    let node = NodeProto {
        op_type: "Constant".into(),
        output: vec![OUTPUT.into()],
        attribute: vec![zero],
        ..Default::default()
    };
    let number = TensorType { elem_type: INT64, shape: Some(TensorShapeProto::default()) };
    let kind =
        TypeProto { value: Some(type_proto::Value::TensorType(number)), ..Default::default() };
    let output = ValueInfoProto { name: OUTPUT.into(), r#type: Some(kind), ..Default::default() };
    let graph = GraphProto {
        name: "constant".into(),
        node: vec![node],
        output: vec![output],
        ..Default::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 13 };
    encode(&ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(graph),
        ..Default::default()
    })
}
