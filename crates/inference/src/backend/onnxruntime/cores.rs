//! Who has the cores: the library's own threads rest while callers need them.
//!
//! A run hands parts of its loops to the library's threads whether or not a core is free for them.
//! The library has no way to say how many threads a run may use, but it runs errands on them: a
//! graph of one constant, whose callback returns when the thread is wanted again.

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

/// Runs that are looked back upon: threads that were called back between two callers' runs would be
/// in their way at once.
const RECENT: usize = 4;

/// The cores, as far as callers and the library's threads share them.
pub(super) struct Cores {
    recent: Mutex<Recent>,
    /// Most runs that went on at once, recently.
    most: AtomicUsize,
    /// Absent where threads cannot be sent to rest.
    rest: Option<Arc<Rest>>,
}

/// How many runs went on whenever one began.
#[derive(Default)]
struct Recent {
    running: [usize; RECENT],
    next: usize,
}

impl Cores {
    /// `threads` are the library's own; those of callers are not among them.
    pub(super) fn new(environment: &Environment, threads: usize) -> Self {
        let rest = Rest::new(environment, threads);
        Self { recent: Mutex::default(), most: AtomicUsize::new(0), rest }
    }

    /// Each run beyond the first takes a core that the library's own threads would use. Without
    /// any they would spin for nobody.
    pub(super) fn share(&self, running: usize) {
        let resting = match running {
            0 => usize::MAX,
            _ => self.recently(running) - 1,
        };
        if let Some(rest) = &self.rest {
            rest.set(resting);
        }
    }

    /// The most runs that lately went on, now that it is `running`.
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

    /// Whether runs share the cores with others.
    pub(super) fn is_shared(&self) -> bool {
        self.most.load(Ordering::Relaxed) > 1
    }
}

/// Threads that can be sent to rest.
struct Rest {
    errand: Arc<Session>,
    output: Arc<Names>,
    threads: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads that should rest.
    wanted: usize,
    /// Errands on their way or resting.
    sent: usize,
}

impl Rest {
    /// `threads` of the library's own may rest; `None` where that cannot be had.
    fn new(environment: &Environment, threads: usize) -> Option<Arc<Self>> {
        if threads == 0 {
            return None;
        }
        let open = || Session::builder(environment)?.commit_from_memory(&errand());
        let errand = open().map_err(|error: ort::Error| tracing::debug!(%error, "no rest"));
        let errand = Arc::new(errand.ok()?);
        let output = Arc::new(Names::new(std::iter::once(OUTPUT)).ok()?);
        let (state, changed) = (Mutex::default(), Condvar::new());
        Some(Arc::new(Self { errand, output, threads, state, changed }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends threads to rest or calls them back, so that `resting` rest.
    fn set(self: &Arc<Self>, resting: usize) {
        let mut state = self.lock();
        let resting = resting.min(self.threads);
        if resting == state.wanted {
            return;
        }
        state.wanted = resting;
        let missing = resting.saturating_sub(state.sent);
        state.sent += missing;
        drop(state);
        self.changed.notify_all();
        for _ in 0..missing {
            let rest = Arc::clone(self);
            let sent = call::run_later(&self.errand, &self.output, move || rest.wait());
            if let Err(reason) = sent {
                tracing::debug!(reason, "a thread does not rest");
                self.lock().sent -= 1;
            }
        }
    }

    /// Returns when the calling thread is wanted again.
    fn wait(&self) {
        let mut state = self.lock();
        while state.sent <= state.wanted && is_one_of_the_library() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.sent -= 1;
    }
}

const OUTPUT: &str = "nothing";

/// A graph whose output is the number 0.
fn errand() -> Vec<u8> {
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
        name: "errand".into(),
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
