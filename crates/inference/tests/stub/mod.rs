//! A backend whose graph adds one to each element, and waits, fails or panics where it is told to.

#![allow(dead_code, unreachable_pub, reason = "each test uses what it needs")]

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join_all;
use pilotlight_inference::{
    Backend, Batching, Buffers, Closed, Dimension, Element, Error, GraphOptions, GraphStatus,
    Graphs, LoadOptions, Model, Port, Result, RunError, Shape, Signature, Tensor,
};

/// The value that no run survives.
pub const POISON: i64 = -1;
/// The value that ends a run with a panic.
pub const BOMB: i64 = -2;

/// The value whose run is the end of the process that computes.
pub const LETHAL: i64 = -3;

/// Lets runs through one by one, or all.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    most: AtomicUsize,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// Runs that wait at the gate, or are behind it.
    inside: usize,
}

impl Gate {
    pub fn close(&self) {
        self.state.lock().unwrap().closed = true;
    }

    pub fn open(&self) {
        self.state.lock().unwrap().closed = false;
        self.changed.notify_all();
    }

    /// Waits until so many runs stand at the closed gate.
    pub fn wait_for(&self, inside: usize) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.inside < inside).unwrap());
    }

    /// Most runs at the same time so far.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.inside += 1;
        self.most.fetch_max(state.inside, Ordering::Relaxed);
        self.changed.notify_all();
        let mut state = self.changed.wait_while(state, |state| state.closed).unwrap();
        state.inside -= 1;
    }
}

pub struct Stub {
    pub gate: Arc<Gate>,
}

impl Backend for Stub {
    fn name(&self) -> &'static str {
        "stub"
    }

    fn load(&self, name: &str, file: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
        if file == b"garbage" {
            let reason = "is garbage".to_owned();
            return Err(Error::InvalidGraph { graph: name.to_owned(), reason });
        }
        let dimensions = Some(vec![Dimension::Named("batch".into()), Dimension::Named("s".into())]);
        let port = |name: &str| Port {
            name: name.to_owned(),
            element: Element::I64,
            dimensions: dimensions.clone(),
        };
        let (inputs, outputs) = (vec![port("x"), port("y")], vec![port("sum")]);
        let signature = Signature { inputs, outputs };
        let trial = match &file[..] {
            b"untried" => Some("no sample will do".into()),
            b"lethal" => Some(RunError::Restarting { retry_after: Duration::from_secs(3) }),
            _ => None,
        };
        let unproven = (file == b"unproven").then_some("node n mixes rows");
        let ragged = file == b"ragged";
        let (batches, mixing, wide) = (file != b"single", file == b"mixing", file == b"wide");
        let gate = Arc::clone(&self.gate);
        Ok(Box::new(Sum { signature, batches, ragged, unproven, mixing, wide, trial, gate }))
    }
}

struct Sum {
    signature: Signature,
    batches: bool,
    /// Calls of any shapes are run together, and each row costs its columns.
    ragged: bool,
    /// Why its structure shows nothing, if it does not.
    unproven: Option<&'static str>,
    /// Each element of a row is the sum of its column, over all rows.
    mixing: bool,
    /// A row of outputs has 8 MiB.
    wide: bool,
    /// Why nothing is computed of three columns, which those have who try out what it does.
    trial: Option<RunError>,
    gate: Arc<Gate>,
}

impl Model for Sum {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> &'static str {
        "stub"
    }

    fn batching(&self) -> Batching {
        match (self.ragged, self.batches) {
            (true, _) => Batching::Ragged,
            (false, true) => Batching::Stacked,
            (false, false) => Batching::Alone,
        }
    }

    fn tokens(&self, inputs: &[Tensor]) -> Vec<u32> {
        let &[rows, columns] = inputs[0].shape().sizes() else { panic!("two dimensions") };
        vec![columns; rows as usize]
    }

    fn mixes_rows(&self) -> Option<&str> {
        self.unproven
    }

    fn run(
        &self,
        inputs: &[Tensor],
        buffers: &Buffers,
    ) -> std::result::Result<Vec<Tensor>, RunError> {
        self.gate.pass();
        let (x, y) = (values(&inputs[0]), values(&inputs[1]));
        assert!(!x.contains(&BOMB), "as asked");
        if x.contains(&POISON) {
            return Err("poisoned".into());
        }
        if x.contains(&LETHAL) {
            return Err(RunError::Restarting { retry_after: Duration::from_secs(3) });
        }
        let &[rows, columns] = inputs[0].shape().sizes() else { panic!("two dimensions") };
        if let Some(error) = self.trial.as_ref().filter(|_| columns == 3) {
            return Err(error.clone());
        }
        if self.wide {
            let output = Shape::new(&[rows, 1 << 20]).unwrap();
            let zeros = buffers.zeroed(output.volume() * 8).freeze();
            return Ok(vec![Tensor::from_buffer(Element::I64, output, zeros).unwrap()]);
        }
        let columns = columns as usize;
        let column = |place: usize| x.iter().skip(place % columns).step_by(columns).sum();
        let mixed = || (0..x.len()).map(column).collect();
        let x: Vec<i64> = if self.mixing { mixed() } else { x };
        let sum: Vec<u8> = x.iter().zip(&y).flat_map(|(x, y)| (x + y).to_le_bytes()).collect();
        let shape = inputs[0].shape();
        Ok(vec![Tensor::copied(buffers, Element::I64, shape.sizes(), &sum).unwrap()])
    }
}

pub fn values(tensor: &Tensor) -> Vec<i64> {
    tensor.bytes().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
}

pub fn tensor(graphs: &Graphs, rows: u32, values: &[i64]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let sizes = [rows, values.len() as u32 / rows];
    Tensor::copied(graphs.buffers(), Element::I64, &sizes, &bytes).unwrap()
}

/// Inputs whose sum is `values`, each one plus `values` minus one.
pub fn inputs(graphs: &Graphs, rows: u32, values: &[i64]) -> Vec<(String, Tensor)> {
    let ones = vec![1; values.len()];
    vec![("y".into(), tensor(graphs, rows, &ones)), ("x".into(), tensor(graphs, rows, values))]
}

pub fn graphs(threads: usize) -> (Graphs, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    (Graphs::new(Box::new(Stub { gate: Arc::clone(&gate) }), threads).unwrap(), gate)
}

pub fn options(change: impl FnOnce(&mut GraphOptions)) -> GraphOptions {
    let mut options = GraphOptions::default();
    change(&mut options);
    options
}

pub fn count(status: &GraphStatus, reason: Closed) -> u64 {
    status.closed.iter().find(|(closed, _)| *closed == reason).map_or(0, |(_, count)| *count)
}

/// Starts calls behind one that holds the only thread, and lets all go.
pub fn behind_a_running_one<'a, F: Future + 'a>(
    gate: &Gate,
    first: F,
    others: Vec<F>,
) -> (F::Output, Vec<F::Output>) {
    gate.close();
    let mut first = pin!(first);
    let mut others = pin!(join_all(others));
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    gate.wait_for(1);
    assert!(others.as_mut().poll(&mut context).is_pending());
    gate.open();
    block_on(async { (first.await, others.await) })
}
