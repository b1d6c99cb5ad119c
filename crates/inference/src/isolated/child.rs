//! The process that computes.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use pilotlight_onnx::Precision;

use crate::backend::{Backend, LoadOptions, Model};
use crate::buffer::Buffers;
use crate::error::{Error, Result, RunError};
use crate::isolated::confine::confine;
use crate::isolated::engine::Engine;
use crate::isolated::memory::{Region, content};
use crate::isolated::protocol::{self, Described, Order, Reply, Request, Started, shorten};
use crate::isolated::socket::{Broken, Socket, is_end};
use crate::scheduling::prefer_throughput;
use crate::tensor::Tensor;

/// Bytes of free buffers that are kept.
const MOST_FREE: usize = 64 << 20;

/// Computes for the process that started this one, until that ends or hangs up. To be called
/// before anything else has opened a file: all but standard input, output and error are closed.
///
/// # Errors
/// [`Error::Unavailable`] when nobody who speaks this language is on standard input, or does not
/// any more.
pub fn work() -> Result<()> {
    let control = std::io::stdin();
    if !is_end(control.as_fd()) {
        let message = "this command is only for the server, which starts it to run an isolated \
            backend";
        return Err(Error::Unavailable(message.to_owned()));
    }
    let broken = |error: Broken| Error::Unavailable(format!("the parent process: {error}"));
    let system = |error: std::io::Error| broken(error.into());
    confine().map_err(|error| system(error.into()))?;
    let control = control.as_fd().try_clone_to_owned().map_err(system)?;
    let control = Socket::new(control).ok_or_else(|| broken(Broken::Closed))?;
    match serve(&control) {
        Ok(()) | Err(Broken::Closed) => Ok(()),
        Err(error) => Err(broken(error)),
    }
}

/// Does what the control socket says.
fn serve(control: &Socket) -> std::result::Result<(), Broken> {
    let mut memory = Vec::new();
    let (Order::Start(wanted), _) = control.receive(&mut memory)? else {
        return Err(Broken::Garbled("the first message is not a start message".to_owned()));
    };
    let backend = match Engine::try_from(wanted).and_then(Engine::open) {
        Ok(backend) => backend,
        Err(error) => return control.send(&Started::Refused(shorten(&error.to_string())), None),
    };
    let work = Arc::new(Work {
        backend,
        graphs: Mutex::default(),
        running: Mutex::default(),
        buffers: Buffers::new(MOST_FREE),
    });
    control.send(&Started::Ready, None)?;
    loop {
        match control.receive(&mut memory)? {
            (Order::Channel, Some(end)) => open_lane(&work, end)?,
            (Order::Unload { graph }, _) => unload(&work, graph)?,
            (order, _) => return Err(Broken::Garbled(format!("{order:?}"))),
        }
    }
}

/// Answers on a channel, in a thread of its own.
fn open_lane(work: &Arc<Work>, end: OwnedFd) -> std::result::Result<(), Broken> {
    let not_an_end = || Broken::Garbled("a channel that is none".to_owned());
    let socket = Socket::new(end).ok_or_else(not_an_end)?;
    let work = Arc::clone(work);
    let answer = move || {
        prefer_throughput();
        let mut channel = Channel { work, socket, region: None, memory: Vec::new() };
        // Whoever is at the other end sees that this one is gone.
        if let Err(error) = channel.serve() {
            tracing::debug!(%error, "a channel has ended");
        }
    };
    thread::Builder::new().name("compute".to_owned()).spawn(answer)?;
    Ok(())
}

/// Drops a graph without keeping those waiting who speak next.
fn unload(work: &Work, graph: u64) -> std::result::Result<(), Broken> {
    let model = work.graphs().remove(&graph);
    thread::Builder::new().name("unload".to_owned()).spawn(move || drop(model))?;
    Ok(())
}

/// What the channels share.
struct Work {
    backend: Box<dyn Backend>,
    graphs: Mutex<BTreeMap<u64, Arc<dyn Model>>>,
    /// Runs that go on.
    running: Mutex<usize>,
    buffers: Buffers,
}

impl Work {
    fn graphs(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<dyn Model>>> {
        self.graphs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self, graph: u64, (name, options): (&str, LoadOptions), file: OwnedFd) -> Reply {
        let file = match content(file) {
            Ok(file) => file,
            Err(error) => return Reply::failed(&error.to_string()),
        };
        let load = AssertUnwindSafe(|| self.backend.load(name, file, options));
        match catch_unwind(load) {
            Ok(Ok(model)) => {
                let signature = model.signature().into();
                let (engine, batching) = (model.engine().to_owned(), model.batching());
                let mixes_rows = model.mixes_rows().map(shorten);
                self.graphs().insert(graph, Arc::from(model));
                Reply::Loaded { signature, engine, batching, mixes_rows }
            }
            Ok(Err(Error::InvalidGraph { reason, .. })) => Reply::failed(&reason),
            Ok(Err(error)) => Reply::failed(&error.to_string()),
            Err(_) => Reply::failed("the backend panicked"),
        }
    }

    fn run(&self, model: &dyn Model, inputs: &[Tensor]) -> Outcome {
        let mut running = self.running();
        *running += 1;
        self.backend.share_cores(*running);
        drop(running);
        let run = AssertUnwindSafe(|| model.run(inputs, &self.buffers));
        let outcome = catch_unwind(run);
        *self.running() -= 1;
        outcome.map_err(|_| "the backend panicked")?
    }

    /// After an answer: nobody waits for this.
    fn rest(&self) {
        let running = self.running();
        if *running == 0 {
            self.backend.share_cores(0);
        }
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Outcome = std::result::Result<Vec<Tensor>, RunError>;

/// One call after the other.
struct Channel {
    work: Arc<Work>,
    socket: Socket,
    region: Option<Region>,
    memory: Vec<u8>,
}

impl Channel {
    fn serve(&mut self) -> std::result::Result<(), Broken> {
        loop {
            let (request, file) = self.socket.receive(&mut self.memory)?;
            let reply = match request {
                Request::Load { graph, name, precision, engine } => {
                    let file = file.ok_or_else(|| Broken::Garbled("a graph is missing".into()))?;
                    match precision.parse::<Precision>() {
                        Ok(precision) => {
                            let options = LoadOptions { engine, ..precision.into() };
                            self.work.load(graph, (&name, options), file)
                        }
                        Err(error) => Reply::failed(&format!("precision {error}")),
                    }
                }
                Request::Run { graph, inputs } => {
                    self.take(file)?;
                    self.run(graph, &inputs)?
                }
                Request::Room => return Err(Broken::Garbled("unasked-for memory".into())),
            };
            self.answer(&reply)?;
            self.work.rest();
        }
    }

    /// Sends an answer, or that it is too long to be sent.
    fn answer(&self, reply: &Reply) -> std::result::Result<(), Broken> {
        match self.socket.send(reply, None) {
            Err(Broken::Garbled(reason)) => self.socket.send(&Reply::failed(&reason), None),
            said => said,
        }
    }

    /// Maps the memory that has come along, if any has.
    fn take(&mut self, file: Option<OwnedFd>) -> std::result::Result<(), Broken> {
        if let Some(file) = file {
            self.region = None;
            self.region = Some(Region::map(&file)?);
        }
        Ok(())
    }

    fn run(&mut self, graph: u64, inputs: &[Described]) -> std::result::Result<Reply, Broken> {
        let Some(model) = self.work.graphs().get(&graph).cloned() else {
            return Err(Broken::Garbled(format!("there is no graph {graph}")));
        };
        let (ports, buffers) = (&model.signature().inputs, &self.work.buffers);
        let inputs = protocol::read(inputs, ports, self.region.as_ref(), buffers)?;
        let outputs = match self.work.run(&*model, &inputs) {
            Ok(outputs) => outputs,
            Err(error) => return Ok(Reply::failed(&error.to_string())),
        };
        drop(inputs);
        let room = protocol::room(&outputs);
        if self.region.as_ref().is_none_or(|region| region.len() < room) {
            self.socket.send(&Reply::Room(room as u64), None)?;
            match self.socket.receive(&mut self.memory)? {
                (Request::Room, file @ Some(_)) => self.take(file)?,
                (request, _) => return Err(Broken::Garbled(format!("{request:?}"))),
            }
        }
        Ok(Reply::Outputs(protocol::write(&outputs, self.region.as_ref())?))
    }
}
