//! Graphs by name: loaded once, computed by whoever holds them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use futures::channel::oneshot;

use crate::backend::{Backend, Batching, LoadOptions, Model};
use crate::buffer::{BufferStatus, Buffers};
use crate::counters::{Counters, GraphStatus};
use crate::error::{Error, Result, RunError};
use crate::executor::{Executor, Loaded, Submit};
use crate::independence::rows_are_independent;
use crate::queue::{BatchRows, GraphOptions, Job, Size};
use crate::rows::{self, MOST_KEPT};
use crate::signature::Signature;
use crate::tensor::Tensor;

/// Bytes of free buffers that are kept.
const MOST_FREE: usize = 64 << 20;

/// The graphs of a process, the backend that runs them and its threads.
pub struct Graphs {
    backend: Arc<dyn Backend>,
    named: RwLock<BTreeMap<String, Graph>>,
    executor: Arc<Executor>,
    buffers: Buffers,
}

/// A loaded graph. Clones share it; it is unloaded with the last of them.
#[derive(Clone)]
pub struct Graph(Arc<GraphHandle>);

/// A graph as its backend has loaded it, which has no queue yet.
pub struct Packed {
    model: Box<dyn Model>,
    options: GraphOptions,
}

struct GraphHandle {
    id: u64,
    loaded: Arc<Loaded>,
    submit: Submit,
}

impl Drop for GraphHandle {
    fn drop(&mut self) {
        self.submit.close(self.id);
    }
}

impl Graphs {
    /// Starts `threads` threads that run the graphs of `backend`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the threads cannot be started.
    pub fn new(backend: Box<dyn Backend>, threads: usize) -> Result<Self> {
        let buffers = Buffers::new(MOST_FREE);
        let backend: Arc<dyn Backend> = Arc::from(backend);
        let started = Executor::start(threads, buffers.clone(), Arc::clone(&backend));
        let executor = started.map_err(|error| {
            Error::Unavailable(format!("the inference threads cannot be started: {error}"))
        })?;
        let executor = Arc::new(executor);
        Ok(Self { backend, named: RwLock::default(), executor, buffers })
    }

    /// The same backend, threads, buffers and graphs; what is loaded or unloaded from now on, is so
    /// on one side only. Two versions of a component can each have their graph of a name.
    pub fn fork(&self) -> Self {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            backend: Arc::clone(&self.backend),
            named: RwLock::new(named),
            executor: Arc::clone(&self.executor),
            buffers: self.buffers.clone(),
        }
    }

    /// Backend of the graphs.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Memory for tensors.
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Loads an ONNX file and keeps it as `name`, in the place of what had that name before.
    /// Blocks.
    ///
    /// # Errors
    /// Those of [`Graphs::load_unnamed`].
    pub fn load(&self, name: &str, file: Vec<u8>, options: GraphOptions) -> Result<Graph> {
        self.open(name, self.pack(name, file, options)?)
    }

    /// Has the backend load an ONNX file, called `name` in errors. The native backend takes no lock
    /// that calls wait for, so a thread of low priority may pack its weights. Blocks.
    ///
    /// # Errors
    /// Those of [`Backend::load`].
    pub fn pack(&self, name: &str, file: Vec<u8>, options: GraphOptions) -> Result<Packed> {
        self.pack_with(name, file, (options.loading(), options))
    }

    fn pack_with(
        &self,
        name: &str,
        file: Vec<u8>,
        (loading, options): (LoadOptions, GraphOptions),
    ) -> Result<Packed> {
        let model = self.backend.load(name, file, loading)?;
        Ok(Packed { model, options })
    }

    /// Tries a graph out and keeps it as `name`, in the place of what had that name before. Blocks.
    ///
    /// # Errors
    /// [`Error::Restarting`] when trying the graph out has ended the process that computes.
    pub fn open(&self, name: &str, packed: Packed) -> Result<Graph> {
        let graph = self.open_unnamed(name, packed)?;
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let former = named.insert(name.to_owned(), graph.clone());
        drop(named);
        drop(former);
        Ok(graph)
    }

    /// Loads an ONNX file for whoever holds it, called `name` in errors. Its packed weights are not stored: a guest
    /// could fill the disk with them. Blocks.
    ///
    /// # Errors
    /// Those of [`Backend::load`], and [`Error::Restarting`] when trying the graph out has ended
    /// the process that computes.
    pub fn load_unnamed(&self, name: &str, file: Vec<u8>, options: GraphOptions) -> Result<Graph> {
        let loading = LoadOptions { store_weights: false, ..options.loading() };
        self.open_unnamed(name, self.pack_with(name, file, (loading, options))?)
    }

    fn open_unnamed(&self, name: &str, packed: Packed) -> Result<Graph> {
        let Packed { model, options } = packed;
        let mixes_rows = mixes_rows(name, &*model, &self.buffers, options.batch_rows)?;
        let independent = match options.batch_rows {
            BatchRows::Auto => model.batching() != Batching::Alone && mixes_rows.is_none(),
            BatchRows::Always => model.signature().stacks(),
            BatchRows::Never => false,
        };
        let loaded = Arc::new(Loaded {
            name: name.to_owned(),
            backend: model.engine(),
            model,
            independent,
            mixes_rows,
            options,
            counters: Counters::default(),
        });
        let submit = self.executor.submit();
        let id = submit.open(Arc::clone(&loaded));
        Ok(Graph(Arc::new(GraphHandle { id, loaded, submit })))
    }

    /// The graph called `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`] naming those there are.
    pub fn get(&self, name: &str) -> Result<Graph> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        named.get(name).cloned().ok_or_else(|| Error::NotFound {
            name: name.chars().take(64).collect(),
            loaded: named.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Forgets the graph called `name`; those who hold it can still compute.
    pub fn unload(&self, name: &str) {
        let former = self.named.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        drop(former);
    }

    /// Status of each named graph.
    pub fn status(&self) -> Vec<GraphStatus> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        named.values().map(Graph::status).collect()
    }

    /// Counters of the buffer pool.
    pub fn buffer_status(&self) -> BufferStatus {
        self.buffers.status()
    }
}

/// Why rows of different callers must not be put together, if they must not: by the structure of
/// the graph first, and by a trial second. The log says so, too.
fn mixes_rows(
    name: &str,
    model: &dyn Model,
    buffers: &Buffers,
    batch_rows: BatchRows,
) -> Result<Option<String>> {
    if batch_rows == BatchRows::Always {
        return Ok(None);
    }
    let reason = match model.mixes_rows() {
        Some(reason) => Some(reason.to_owned()),
        None if model.batching() != Batching::Stacked || batch_rows == BatchRows::Never => None,
        None => match rows_are_independent(model, buffers) {
            Err(gone @ RunError::Restarting { .. }) => return Err(gone.of(name)),
            Err(reason) => Some(format!("the trial failed: {reason}")),
            Ok(true) => None,
            Ok(false) => Some("rows give different results in a batch than alone".to_owned()),
        },
    };
    if let Some(reason) = &reason {
        tracing::warn!(graph = name, %reason, "calls do not share batches");
    }
    Ok(reason)
}

impl fmt::Debug for Graphs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&String> = named.keys().collect();
        f.debug_struct("Graphs")
            .field("backend", &self.backend.name())
            .field("named", &names)
            .finish()
    }
}

impl Graph {
    /// Inputs and outputs.
    pub fn signature(&self) -> &Signature {
        self.0.loaded.model.signature()
    }

    /// Whether texts of different lengths are computed together without their padding.
    pub fn takes_any_lengths(&self) -> bool {
        self.0.loaded.model.batching() == Batching::Ragged
    }

    /// Reason why its rows are not known to be independent of each other: the node of the graph and
    /// what it does. `None` if they are.
    pub fn mixes_rows(&self) -> Option<&str> {
        self.0.loaded.mixes_rows.as_deref()
    }

    /// What it has done.
    pub fn status(&self) -> GraphStatus {
        self.0.submit.status(self.0.id, &self.0.loaded)
    }

    /// Computes the outputs for `inputs`, together with other calls where they fit, and in parts
    /// where they have more rows than a batch may. Dropped before it is run, a call is never run.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for inputs that the graph does not take, [`Error::Busy`] at once
    /// when too many calls wait, [`Error::TooLarge`] when the outputs of the parts exceed 64 MiB,
    /// [`Error::Failed`] with what the backend said, [`Error::Restarting`] when the process that
    /// computes has ended.
    pub async fn compute(&self, inputs: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>> {
        self.compute_by(Instant::now(), inputs).await
    }

    /// As [`Self::compute`], to be answered by `due`: calls that are due earlier are run first, and calls
    /// of [`Self::compute`] as if they were due when they are made.
    ///
    /// # Errors
    /// As [`Self::compute`].
    pub async fn compute_by(
        &self,
        due: Instant,
        inputs: Vec<(String, Tensor)>,
    ) -> Result<Vec<(String, Tensor)>> {
        let signature = self.signature();
        let inputs = signature.arrange(inputs)?;
        let parts = self.parts(&inputs);
        let outputs = match &parts[..] {
            [(_, size)] => self.run(inputs, *size, due).await?,
            _ => self.run_in_parts(&inputs, parts, due).await?,
        };
        let names = signature.outputs.iter().map(|port| port.name.clone());
        Ok(names.zip(outputs).collect())
    }

    /// The rows that are computed at once, and how much they are of what batches are limited by.
    fn parts(&self, inputs: &[Tensor]) -> Vec<(Range<u32>, Size)> {
        let Loaded { model, options, .. } = &*self.0.loaded;
        let Some(rows) = self.rows(inputs) else { return vec![(0..0, Size::Alone)] };
        if model.batching() == Batching::Ragged && options.max_batch > 1 {
            return by_tokens(&model.tokens(inputs), rows, options.max_tokens);
        }
        let most = options.max_batch.max(1);
        let part = |first: u32| {
            let range = first..rows.min(first.saturating_add(most));
            // Nothing could join it.
            let size = if most > 1 { Size::Rows(range.end - first) } else { Size::Alone };
            (range, size)
        };
        (0..rows).step_by(most as usize).map(part).collect()
    }

    /// Queues a call and waits for its outputs.
    async fn run(&self, inputs: Vec<Tensor>, size: Size, due: Instant) -> Result<Vec<Tensor>> {
        let GraphHandle { id, submit, .. } = &*self.0;
        let (respond, outcome) = oneshot::channel();
        submit.push(*id, Job { inputs, size, arrived: Instant::now(), due, respond })?;
        outcome.await.map_err(|_| Error::Unavailable("the backend is stopped".to_owned()))?
    }

    /// Computes a call in parts: others have their turn between them.
    async fn run_in_parts(
        &self,
        inputs: &[Tensor],
        parts: Vec<(Range<u32>, Size)>,
        due: Instant,
    ) -> Result<Vec<Tensor>> {
        let buffers = self.0.submit.buffers();
        let rows = parts.last().map_or(0, |(range, _)| range.end);
        let mut outputs: Vec<Vec<Tensor>> = vec![Vec::new(); self.signature().outputs.len()];
        let mut bytes = 0;
        for (range, size) in parts {
            let part = inputs.iter().map(|input| rows::taken(input, &range, buffers));
            let part = part.collect::<Result<_>>()?;
            let found = self.run(part, size, due).await?;
            bytes += found.iter().map(|output| output.bytes().len()).sum::<usize>();
            let expected = bytes.saturating_mul(rows as usize) / range.end as usize;
            if expected > MOST_KEPT {
                return Err(Error::TooLarge(format!(
                    "the outputs have {expected} bytes, more than the maximum of {MOST_KEPT}; send \
                     fewer rows at once"
                )));
            }
            outputs.iter_mut().zip(found).for_each(|(parts, output)| parts.push(output));
        }
        let joined = outputs.iter().map(|parts| rows::stacked(parts, rows, buffers));
        joined
            .collect::<std::result::Result<_, _>>()
            .map_err(|reason| Error::Failed { graph: self.0.loaded.name.clone(), reason })
    }

    /// Rows of the inputs, if they can be run with those of others: the first dimension of all.
    fn rows(&self, inputs: &[Tensor]) -> Option<u32> {
        if !self.0.loaded.independent {
            return None;
        }
        let rows = rows::count(inputs.first()?)?;
        inputs.iter().all(|tensor| rows::count(tensor) == Some(rows)).then_some(rows)
    }
}

/// Rows whose tokens together are no more than `most`, unless a row has more.
fn by_tokens(tokens: &[u32], rows: u32, most: u32) -> Vec<(Range<u32>, Size)> {
    let mut parts: Vec<(Range<u32>, u32)> = Vec::new();
    for (row, tokens) in (0..rows).zip(tokens.iter().chain(std::iter::repeat(&1))) {
        match parts.last_mut() {
            Some((range, sum)) if sum.saturating_add(*tokens) <= most => {
                (range.end, *sum) = (row + 1, *sum + tokens);
            }
            _ => parts.push((row..row + 1, *tokens)),
        }
    }
    parts.into_iter().map(|(range, tokens)| (range, Size::Tokens(tokens))).collect()
}
