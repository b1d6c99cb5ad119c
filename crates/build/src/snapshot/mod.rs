//! Runs the guest's initializer in the sandbox and stores the resulting memory in the component.
//! Used by `model`. Does not know tasks: the guest describes its function.

mod description;
mod sample;
mod wit;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pilotlight_model::{Digest, GraphPort, GraphSignature, ModelFolder};
use pilotlight_sandbox::{
    Allowance, CpuMeter, EpochTicker, Nn, State, add_wasi, engine, new_store, preopen_model,
};
use tempfile::TempDir;
use tokio::runtime::Handle;
use wasmtime::component::{Component, Instance, Lift, Linker, WasmList};
use wasmtime::{Engine, Store};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::cache::Cache;
use crate::compile::compile_whole;
use crate::error::{Error, Result};
use crate::graph::GraphRecord;
use crate::guest::Guest;
use crate::host_compute::LoadedGraph;
use crate::machine_code;
use crate::manifest::BundleManifest;
use crate::precision::Precision;
use crate::progress::{Progress, Stage};
use crate::sample::Sample;
use description::Description;
use wit::{GuestDescription, GuestGraph, GuestPlacement, GuestPort, GuestPrecision};

const INITIALIZE: &str = "initialize";
const MEMORY_LIMIT: usize = 3 << 30;
/// No model that fits the sandbox takes longer; a hostile one would take forever.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// Pre-initializes `guest` with the model in `folder`. The same inputs give the same bytes. The machine
/// code that does so is kept in `cache`.
///
/// Blocks; call it where blocking is allowed, inside a Tokio runtime.
///
/// # Errors
/// [`Error`] naming the file and the reason.
pub fn snapshot(
    guest: &Guest,
    folder: &ModelFolder,
    placement: Placement<'_>,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Vec<u8>> {
    progress(Stage::Verify);
    folder.verify()?;
    let path = folder.path();
    let copy = without_links(folder)?;
    let folder = copy.as_ref().map_or(folder, |(_, copy)| copy);
    let building = async {
        let component = guest.component()?;
        let building =
            initialize_and_freeze(&component, (path, folder), placement, cache, progress);
        tokio::time::timeout(TIME_LIMIT, building).await.map_err(|_| {
            let reason =
                format!("not finished after {} s; use a smaller model", TIME_LIMIT.as_secs());
            Error::Initializer { path: path.to_owned(), reason }
        })?
    };
    let (mut component, description, sample) = Handle::current().block_on(building)?;
    let Description { info, task, endpoints, splits, sessions, accuracy_check, .. } = description;
    let manifest = BundleManifest {
        info,
        task,
        endpoints,
        splits,
        sessions,
        files: digests(folder),
        guest: guest.digest(),
        pilotlight: env!("CARGO_PKG_VERSION").to_owned(),
        wasmtime: wasmtime_environ::VERSION.to_owned(),
        graph: placement.graph().map(|graph| graph.record.clone()),
        precision: placement.precision(),
        accuracy_check: Some(accuracy_check),
        agreement: None,
        sample: Some(sample),
    };
    manifest.seal(&mut component)?;
    Ok(component)
}

/// A copy of a folder that has links: the sandbox sees nothing but the folder, and links may lead
/// to a cache around it.
fn without_links(folder: &ModelFolder) -> Result<Option<(TempDir, ModelFolder)>> {
    if !folder.has_links() {
        return Ok(None);
    }
    let copy = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
    folder.copy_to(copy.path())?;
    let opened = ModelFolder::open(copy.path())?;
    Ok(Some((copy, opened)))
}

/// What the manifest says of each file, which has been found true.
fn digests(folder: &ModelFolder) -> BTreeMap<String, Digest> {
    let files = folder.manifest().files.iter();
    files.map(|(name, file)| (name.clone(), file.sha256)).collect()
}

/// Where inference for a model runs.
#[derive(Clone, Copy)]
pub enum Placement<'a> {
    /// In the sandbox, in f32, int8 or int4.
    Guest(Precision),
    /// By the host.
    Host(&'a LoadedGraph),
}

impl<'a> Placement<'a> {
    fn graph(self) -> Option<&'a LoadedGraph> {
        match self {
            Self::Guest(_) => None,
            Self::Host(graph) => Some(graph),
        }
    }

    fn precision(self) -> Option<Precision> {
        match self {
            Self::Guest(precision) => Some(precision),
            Self::Host(_) => None,
        }
    }

    fn for_guest(self) -> Result<GuestPlacement> {
        Ok(GuestPlacement::Guest(match self {
            Self::Host(graph) => return Ok(GuestPlacement::Host(graph.for_guest())),
            Self::Guest(Precision::F32) => GuestPrecision::Float32,
            Self::Guest(Precision::Int8) => GuestPrecision::Int8,
            Self::Guest(Precision::Int4) => GuestPrecision::Int4,
            Self::Guest(Precision::Unchanged) => {
                let reason = "the sandbox computes in f32, int8 or int4".to_owned();
                return Err(Error::Refused(reason));
            }
        }))
    }
}

impl LoadedGraph {
    /// All graphs of its file.
    fn for_guest(&self) -> Vec<GuestGraph> {
        let other = |(name, signature): &(String, GraphSignature)| GuestGraph {
            name: name.clone(),
            inputs: ports(&signature.inputs),
            outputs: ports(&signature.outputs),
            pad_to_multiple_of: 1,
            rows: 1,
            length: None,
            vocabulary: None,
            any_lengths: false,
        };
        std::iter::once(self.own()).chain(self.others.iter().map(other)).collect()
    }

    fn own(&self) -> GuestGraph {
        let GraphRecord { name, pad_to_multiple_of, rows, any_lengths, .. } = self.record.clone();
        let encoder = self.encoder.as_ref();
        let narrow = |size: Option<usize>| size.and_then(|size| u32::try_from(size).ok());
        let length = narrow(encoder.and_then(|encoder| encoder.length));
        let vocabulary = narrow(encoder.and_then(|encoder| encoder.vocabulary));
        let (inputs, outputs) = (ports(&self.signature.inputs), ports(&self.signature.outputs));
        GuestGraph {
            name,
            inputs,
            outputs,
            pad_to_multiple_of,
            rows,
            length,
            vocabulary,
            any_lengths,
        }
    }
}

fn ports(ports: &[GraphPort]) -> Vec<GuestPort> {
    ports.iter().map(for_guest).collect()
}

fn for_guest(port: &GraphPort) -> GuestPort {
    let GraphPort { name, element, dims } = port.clone();
    let narrow = |size: Option<u64>| size.and_then(|size| u32::try_from(size).ok());
    GuestPort { name, element, dims: dims.into_iter().flatten().map(narrow).collect() }
}

async fn initialize_and_freeze(
    guest: &[u8],
    (path, folder): (&Path, &ModelFolder),
    placement: Placement<'_>,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<(Vec<u8>, Description, Sample)> {
    progress(Stage::Initialize);
    let mut wizer = Wizer::new();
    // The export is lifted from the core module: taking only the core function away is invalid.
    wizer.init_func(INITIALIZE).keep_init_func(true);
    let (context, instrumented) =
        wizer.instrument_component(guest).map_err(not_a_guest("cannot be instrumented"))?;
    let engine = engine::building()?;
    let clock = EpochTicker::start(&engine)?;
    let _running = clock.run();
    // Until it is mapped, nobody evicts it.
    let code = compile_whole(&engine, cache, &instrumented)?;
    let component = machine_code::load(&engine, &code)?;
    drop(instrumented);
    let mut frozen = Frozen::new(&engine, &component, folder, placement.graph()).await?;
    let manifest = folder.manifest_text().to_owned();
    let description = frozen.initialize(path, manifest, placement.for_guest()?).await?;
    progress(Stage::Snapshot);
    let snapshot = wizer.snapshot_component(&context, &mut frozen).await;
    frozen.failure.take().map_or(Ok(()), Err)?;
    let snapshot = snapshot.map_err(Error::runtime("taking the snapshot"))?;
    let sample = frozen.sample(clock.clone(), description.sample.clone()).await?;
    Ok((snapshot, description, sample))
}

/// What stopped a guest, in one sentence; the log says where.
fn stopped_by(error: &wasmtime::Error, was_refused_memory: bool) -> String {
    tracing::debug!("the guest was stopped: {error:?}");
    if was_refused_memory {
        let limit = MEMORY_LIMIT >> 30;
        return format!(
            "it takes more than the {limit} GiB of memory allowed; use a smaller model"
        );
    }
    // The causes before it are a backtrace of many lines.
    let cause = error.root_cause().to_string();
    format!("{}; --log debug shows where", cause.lines().next().unwrap_or_default())
}

fn not_a_guest(what: &'static str) -> impl FnOnce(wasmtime::Error) -> Error {
    move |error| Error::Component {
        name: "the guest component".to_owned(),
        reason: format!("{what}: {error:#}"),
    }
}

/// An instance that Wizer reads globals and memory of.
struct Frozen {
    store: Store<State>,
    instance: Instance,
    failure: Option<Error>,
}

impl Frozen {
    async fn new(
        engine: &Engine,
        component: &Component,
        folder: &ModelFolder,
        graph: Option<&LoadedGraph>,
    ) -> Result<Self> {
        let nn = graph.map_or_else(Nn::default, |graph| Nn::new(Arc::clone(&graph.graphs), None));
        let meter = CpuMeter::new(None);
        let allowance = Allowance { memory: MEMORY_LIMIT, memory_beyond_minimum: 0, meter };
        let mut store = new_store(engine, deterministic_context(folder)?, nn, allowance);
        // Each memory is read back in one call.
        store.set_hostcall_fuel(usize::MAX);
        let mut linker = Linker::new(engine);
        add_wasi(&mut linker)?;
        let instance = linker
            .instantiate_async(&mut store, component)
            .await
            .map_err(not_a_guest("cannot be instantiated"))?;
        Ok(Self { store, instance, failure: None })
    }

    /// Calls `initialize: func(manifest: string, placement: placement) -> result<description, string>` for
    /// the model in `path`.
    async fn initialize(
        &mut self,
        path: &Path,
        manifest: String,
        placement: GuestPlacement,
    ) -> Result<Description> {
        type Told = std::result::Result<GuestDescription, String>;
        let initialize = self
            .instance
            .get_typed_func::<(String, GuestPlacement), (Told,)>(&mut self.store, INITIALIZE)
            .map_err(not_a_guest("has no function `initialize` as this version calls it"))?;
        let called = initialize.call_async(&mut self.store, (manifest, placement)).await;
        let (told,) = called.map_err(|error| {
            let reason = stopped_by(&error, self.store.data().was_refused_memory());
            Error::Initializer { path: path.to_owned(), reason }
        })?;
        Description::try_from(told.map_err(Error::Refused)?).map_err(|reason| Error::Component {
            name: "the guest component".to_owned(),
            reason: format!("what `initialize` returned cannot be used: {reason}"),
        })
    }

    async fn call<R: Lift + Send + Sync + 'static>(
        &mut self,
        instance: &str,
        name: &str,
    ) -> wasmtime::Result<R> {
        let missing = || wasmtime::format_err!("export {instance}#{name} is missing");
        let (_, outer) =
            self.instance.get_export(&mut self.store, None, instance).ok_or_else(missing)?;
        let (_, inner) =
            self.instance.get_export(&mut self.store, Some(&outer), name).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut self.store, inner)?;
        Ok(function.call_async(&mut self.store, ()).await?.0)
    }

    async fn number<R: Lift + Send + Sync + Default + 'static>(
        &mut self,
        instance: &str,
        name: &str,
    ) -> R {
        self.call(instance, name).await.unwrap_or_else(|error| {
            self.fail(error);
            R::default()
        })
    }

    fn fail(&mut self, error: wasmtime::Error) {
        self.failure = Some(Error::runtime("reading the instance")(error));
    }
}

impl ComponentInstanceState for Frozen {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Ok(list) => contents(list.as_le_slice(&self.store)),
            Err(error) => self.fail(error),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.number(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.number(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.number::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.number::<f64>(instance, func).await.to_bits()
    }
}

/// The model folder, and otherwise nothing that differs between two runs: no randomness, no
/// time, no environment.
fn deterministic_context(folder: &ModelFolder) -> Result<WasiCtx> {
    let mut wasi = WasiCtxBuilder::new();
    preopen_model(&mut wasi, folder.path())?;
    wasi.secure_random(Deterministic::new(vec![0x5a]))
        .insecure_random(Deterministic::new(vec![0xa5]))
        .insecure_random_seed(0)
        .wall_clock(Stopped)
        .monotonic_clock(Stopped);
    Ok(wasi.build())
}

struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}
