//! Starts the child, notices its end, and starts it again.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::backend::{LoadOptions, ProcessState, ProcessStatus};
use crate::error::{Error, Result, RunError};
use crate::isolated::backoff::Backoff;
use crate::isolated::channel::{Channel, Fault, Found};
use crate::isolated::engine::Engine;
use crate::isolated::process::{Process, Program};
use crate::isolated::protocol::{Order, Started, shorten};
use crate::isolated::socket::{Broken, Socket};

/// Loading takes longer than computing, by so much.
const LOADING: u32 = 10;
/// Told to callers when the child may be there any moment.
const SOON: Duration = Duration::from_secs(1);

/// The child, whichever process it is at the moment.
pub(super) struct Supervisor {
    engine: Engine,
    program: Program,
    /// Longest time for a run.
    pub(super) limit: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The child that computes, with all graphs.
    running: Option<Arc<Running>>,
    /// That of the process there is, whether it computes already or not.
    control: Option<Arc<Socket>>,
    graphs: BTreeMap<u64, Arc<Graph>>,
    next_graph: u64,
    restarts: u64,
    /// When the next process is started.
    next: Option<Instant>,
    closed: bool,
}

/// A graph as every new process has to load it.
pub(super) struct Graph {
    name: String,
    file: OwnedFd,
    options: LoadOptions,
    pub(super) found: Found,
}

/// A process that computes.
pub(super) struct Running {
    id: u32,
    control: Arc<Socket>,
    /// Lanes that nobody uses.
    idle: Mutex<Vec<Channel>>,
    /// Why it was ended by this side.
    ended: OnceLock<String>,
}

impl Running {
    /// Makes a call on a channel of its own. One that breaks it ends the process: what is at its other
    /// end is not to be trusted with another.
    pub(super) fn call<T>(
        &self,
        call: impl FnOnce(&mut Channel) -> std::result::Result<T, Fault>,
    ) -> std::result::Result<T, Fault> {
        let outcome = self.channel().and_then(|mut channel| {
            let outcome = call(&mut channel);
            if !matches!(outcome, Err(Fault::Broken(_))) {
                self.give_back(channel);
            }
            outcome
        });
        if let Err(Fault::Broken(broken)) = &outcome {
            self.end(broken);
        }
        outcome
    }

    fn channel(&self) -> std::result::Result<Channel, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(channel) = idle {
            return Ok(channel);
        }
        // Nothing that the child could help.
        let (channel, theirs) =
            Channel::open().map_err(|error| Fault::Failed(error.to_string()))?;
        self.control.send(&Order::Channel, Some(theirs.as_fd()))?;
        Ok(channel)
    }

    /// Keeps a channel for the next call.
    fn give_back(&self, channel: Channel) {
        if channel.is_worth_keeping() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
        }
    }

    /// Ends the process; everybody who waits for it notices at once.
    fn end(&self, broken: &Broken) {
        // That it has hung up says nothing of why it did.
        if !matches!(broken, Broken::Closed) {
            let _ = self.ended.set(broken.to_string());
        }
        self.control.hang_up();
    }
}

impl Supervisor {
    /// Starts the first process, and a thread that sees to it that there is one.
    pub(super) fn start(engine: Engine, program: Program, limit: Duration) -> Result<Arc<Self>> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let supervisor = Arc::new(Self { engine, program, limit, state, changed });
        let (report, started): (Sender<Result<()>>, Receiver<_>) = channel();
        let this = Arc::clone(&supervisor);
        // A thread of its own: a child ends with the thread that has started it.
        let thread = thread::Builder::new().name("backend".to_owned());
        let spawned = thread.spawn(move || this.supervise(&report));
        let failed = |reason: String| {
            Error::Unavailable(format!("the isolated backend cannot be started: {reason}"))
        };
        spawned.map_err(|error| failed(error.to_string()))?;
        started.recv().map_err(|error| failed(error.to_string()))??;
        Ok(supervisor)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The child, if there is one.
    pub(super) fn running(&self) -> std::result::Result<Arc<Running>, RunError> {
        let running = self.lock().running.clone();
        running.ok_or_else(|| self.restarting())
    }

    /// What callers are told while there is none.
    pub(super) fn restarting(&self) -> RunError {
        let next = self.lock().next;
        let wait = next.map(|next| next.saturating_duration_since(Instant::now()));
        RunError::Restarting { retry_after: wait.unwrap_or_default().max(SOON) }
    }

    pub(super) fn name(&self) -> &'static str {
        self.engine.name()
    }

    pub(super) fn status(&self) -> ProcessStatus {
        let state = self.lock();
        let id = state.running.as_ref().map(|running| running.id);
        let restarts = state.restarts;
        let state = id.map_or(ProcessState::Restarting, |_| ProcessState::Running);
        ProcessStatus { state, id, restarts }
    }

    /// Ends the child for good.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.running = None;
        if let Some(control) = state.control.take() {
            control.hang_up();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Has the child load a graph, and every child after it.
    pub(super) fn load(
        &self,
        name: &str,
        file: OwnedFd,
        options: LoadOptions,
    ) -> Result<(u64, Arc<Graph>)> {
        let restarting = |error: RunError| error.of(name);
        let running = self.running().map_err(restarting)?;
        let mut state = self.lock();
        let id = state.next_graph;
        state.next_graph += 1;
        drop(state);
        let loaded = self.load_there(&running, id, (name, &file, options));
        let found = loaded.map_err(|fault| match fault {
            Fault::Failed(reason) => Error::InvalidGraph { graph: name.to_owned(), reason },
            Fault::Broken(_) => restarting(self.restarting()),
        })?;
        let graph = Arc::new(Graph { name: name.to_owned(), file, options, found });
        let mut state = self.lock();
        // The next one has not been told of it.
        if !state.running.as_ref().is_some_and(|now| Arc::ptr_eq(now, &running)) {
            drop(state);
            return Err(restarting(self.restarting()));
        }
        state.graphs.insert(id, Arc::clone(&graph));
        Ok((id, graph))
    }

    /// Has the child forget a graph.
    pub(super) fn unload(&self, graph: u64) {
        let mut state = self.lock();
        state.graphs.remove(&graph);
        let running = state.running.clone();
        drop(state);
        let Some(running) = running else { return };
        if let Err(broken) = running.control.send(&Order::Unload { graph }, None) {
            running.end(&broken);
        }
    }

    /// Starts one process after the other.
    fn supervise(&self, report: &Sender<Result<()>>) {
        let mut backoff = Backoff::default();
        let mut first = true;
        loop {
            let lived = match self.start_process() {
                Ok((process, running)) => {
                    let since = Instant::now();
                    // Nobody may be waiting for it.
                    let _ = report.send(Ok(()));
                    self.watch(process, &running);
                    since.elapsed()
                }
                Err(error) if first => {
                    let _ = report.send(Err(error));
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the isolated backend cannot be started");
                    Duration::ZERO
                }
            };
            first = false;
            if !self.rest(backoff.after(lived)) {
                return;
            }
        }
    }

    /// Waits until the next process is to be started; `false` if none is.
    fn rest(&self, delay: Duration) -> bool {
        let next = Instant::now() + delay;
        let mut state = self.lock();
        state.next = Some(next);
        loop {
            let left = next.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                state.restarts += u64::from(!state.closed);
                return !state.closed;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A process that has an engine and all graphs.
    fn start_process(&self) -> Result<(Process, Arc<Running>)> {
        let failed = |broken: Broken| {
            Error::Unavailable(format!("the isolated backend cannot be started: {broken}"))
        };
        let process = Process::spawn(&self.program).map_err(failed)?;
        let control = &process.control;
        let mut state = self.lock();
        if state.closed {
            return Err(failed(Broken::Closed));
        }
        state.control = Some(Arc::clone(control));
        let graphs = state.graphs.clone();
        drop(state);
        let heard = || -> std::result::Result<Started, Broken> {
            control.limit(Some(self.limit.saturating_mul(LOADING)))?;
            control.send(&Order::Start((&self.engine).into()), None)?;
            let (started, _) = control.receive(&mut Vec::new())?;
            control.limit(None)?;
            Ok(started)
        };
        if let Started::Refused(reason) = heard().map_err(failed)? {
            return Err(Error::Unavailable(shorten(&reason)));
        }
        let (idle, ended) = (Mutex::default(), OnceLock::new());
        let running = Running { id: process.id(), control: Arc::clone(control), idle, ended };
        for (id, graph) in &graphs {
            self.load_again(&running, *id, graph)?;
        }
        let running = Arc::new(running);
        let mut state = self.lock();
        if state.closed {
            return Err(failed(Broken::Closed));
        }
        state.running = Some(Arc::clone(&running));
        let gone: Vec<u64> =
            graphs.into_keys().filter(|id| !state.graphs.contains_key(id)).collect();
        drop(state);
        gone.into_iter().for_each(|graph| self.unload(graph));
        Ok((process, running))
    }

    fn load_there(
        &self,
        running: &Running,
        id: u64,
        (name, file, options): (&str, &OwnedFd, LoadOptions),
    ) -> std::result::Result<Found, Fault> {
        let limit = self.limit.saturating_mul(LOADING);
        running.call(|channel| channel.load(id, (name, file.as_fd(), options), limit))
    }

    fn load_again(&self, running: &Running, id: u64, graph: &Graph) -> Result<()> {
        let Graph { name, file, options, found } = graph;
        let loaded = self.load_there(running, id, (name, file, *options));
        let refuse = |reason: String| Error::InvalidGraph { graph: name.clone(), reason };
        match loaded {
            Ok(again) if again.signature == found.signature => Ok(()),
            Ok(_) => Err(refuse("the graph has other inputs or outputs than before".to_owned())),
            Err(Fault::Failed(reason)) => Err(refuse(reason)),
            Err(Fault::Broken(broken)) => Err(refuse(broken.to_string())),
        }
    }

    /// Waits for the end of `process`.
    fn watch(&self, process: Process, running: &Running) {
        // A child that says anything is no better than one that has ended.
        let said = process.control.receive::<Started>(&mut Vec::new());
        let mut state = self.lock();
        state.running = None;
        state.control = None;
        let closed = state.closed;
        drop(state);
        running.control.hang_up();
        let status = process.end();
        if closed {
            return;
        }
        let said = match said {
            Err(Broken::Closed) => None,
            Err(broken) => Some(broken.to_string()),
            Ok((said, _)) => Some(format!("{said:?}")),
        };
        let why = running.ended.get().cloned().or(said);
        tracing::error!(%status, why, "the isolated backend has ended");
    }
}
