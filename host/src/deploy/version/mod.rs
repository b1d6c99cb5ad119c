//! A loaded component: its instances, graphs, limits and manifest.
//! Used by `deploy` and, through it, by the folders above. Does not know other versions.

mod answer;
mod declared;
mod failure;
mod smoke_test;
mod timings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method};
#[cfg(feature = "compiler")]
use pilotlight_build::ModelCompute;
use pilotlight_build::{
    Artifact, BundleManifest, Cache, Endpoint, Entry, GraphRecord, Progress, Sample, Source,
    give_memory_back,
};
use pilotlight_bundle::Policy;
use pilotlight_inference::{BufferStatus, GraphStatus, Graphs};
use pilotlight_model::Digest;
use pilotlight_sandbox::{
    InstanceOptions, LinkedComponent, MemorySlots, Pool, PoolStatus, engine, serving_context,
};
use pilotlight_telemetry::{Handle, Metrics, Statistics};
use pilotlight_wire::split::Split;
use pilotlight_wire::without_trailing_slash;
use serde::Serialize;

use crate::deploy::admission::{Admission, AdmissionLimits, AdmissionStatus};
use crate::deploy::crash_backoff::CrashBackoff;
use crate::deploy::options::FunctionOptions;
use crate::deploy::sessions::{SessionPlace, SessionStatus, Sessions, TooManySessions};
use crate::error::{Error, Result};
use crate::request::SessionLimits;
pub(crate) use declared::Declared;
use failure::Failures;
pub use failure::{FailureCounts, FailureKind};

/// Hexadecimal digits of a digest that [`short`] leaves.
const SHORT: usize = 12;
const REQUESTS_PER_CORE: usize = 2;

/// One version of a function. Its instances end with the last who holds it.
pub(crate) struct Version {
    source: Source,
    digest: Digest,
    model: Option<String>,
    pool: Pool,
    graphs: Option<Arc<Graphs>>,
    sample: Option<Sample>,
    admission: Admission,
    /// Of the machine, as far as this process may use them.
    cores: usize,
    crash_backoff: Arc<CrashBackoff>,
    failures: Arc<Failures>,
    /// Where its requests are counted; its series end with it.
    handle: Handle,
    /// What its manifest says; where there is none, its guest is not known, nor what the headers of its
    /// answers mean.
    declared: Option<Arc<Declared>>,
    body_limit: usize,
    /// Longest body that its model's manifest lets its guest take, where that is known.
    guest_body_limit: Option<u64>,
    request_timeout: Duration,
    sessions: Arc<Sessions>,
    session_limits: SessionLimits,
    server_timing: bool,
    /// What it had to show.
    require: Option<Arc<Policy>>,
    /// What the header of its answers says.
    label: HeaderValue,
    loaded: SystemTime,
    /// Keeps what it was loaded from in the cache.
    _held: Vec<Entry>,
}

/// Version to deploy.
pub struct NewVersion {
    /// Name of the function.
    pub function: String,
    /// Source of the function.
    pub source: Source,
    /// Options.
    pub options: FunctionOptions,
}

/// Status of a version.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct VersionStatus {
    /// SHA-256 of the component; where files of graphs are named for it, of their digests, too.
    pub sha256: Digest,
    /// Path of the source.
    pub source: String,
    /// The model that it holds, where it says so.
    pub model: Option<String>,
    /// The model's own task, where it says so.
    pub task: Option<String>,
    /// Endpoints, if the component states them.
    pub endpoints: Vec<Endpoint>,
    /// When it was loaded, in seconds since 1970.
    pub loaded_unix: u64,
    /// State of the instance pool.
    pub pool: PoolStatus,
    /// Requests that are processed and that wait.
    pub requests: AdmissionStatus,
    /// Sessions.
    pub sessions: SessionStatus,
    /// Failures, by kind.
    pub failures: FailureCounts,
    /// Whether it does nothing but fail, and is slowed down.
    pub in_crash_backoff: bool,
    /// The graphs that its instances compute.
    pub graphs: Option<Vec<GraphStatus>>,
    /// The memory that their tensors take.
    pub buffers: Option<BufferStatus>,
}

impl Version {
    /// Loads a version, building and compiling what `cache` does not hold yet, and starts to make
    /// instances ready. Blocks, inside a Tokio runtime.
    pub(crate) fn load(
        new: NewVersion,
        cache: &Cache,
        metrics: &Metrics,
        progress: Progress<'_>,
    ) -> Result<Self> {
        let NewVersion { function, source, options } = new;
        options.check().map_err(Error::Options)?;
        let (source, mut options) = with_graphs_of_its_own(source, options);
        // A model that cannot be mounted is an error now, not at each request.
        serving_context(&options.instance)?;
        let memories = MemorySlots::new();
        let engine = engine::serving(&memories)?;
        let require = options.require.as_deref();
        let artifact = source.prepare(require, (&engine, &memories), cache, progress)?;
        if artifact.compiled {
            give_memory_back();
        }
        let Artifact { component, name, digest, manifest, held, .. } = artifact;
        let digest = with_graphs(digest, &options.graph_files);
        let record = manifest.as_ref().and_then(|manifest| manifest.graph.as_ref());
        if let Some(record) = record {
            load_graph(record, &source, &options.instance, cache)?;
        }
        options.instance.period = manifest.as_ref().and_then(period);
        let in_sandbox = manifest.is_some() && record.is_none();
        let linked = LinkedComponent::new(&component, &name, &memories, &options.instance)?;
        let model = manifest.as_ref().and_then(model_name);
        let guest_body_limit = manifest.as_ref().and_then(BundleManifest::max_body_bytes);
        let sample = manifest.as_ref().and_then(|manifest| manifest.sample.clone());
        let declared = manifest.map(Declared::new).map(Arc::new);
        let task = declared.as_deref().map_or("", |declared| &declared.task);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            label: label(&function, digest),
            handle: metrics.function_of_task(&function, &short(digest), task),
            declared,
            source,
            digest,
            model,
            pool: Pool::new(linked, memories, &options.pool, options.request_timeout)?,
            admission: Admission::new(admission_limits(&options, in_sandbox, cores)),
            cores,
            crash_backoff: Arc::default(),
            failures: Arc::default(),
            body_limit: options.body_limit,
            guest_body_limit,
            graphs: options.instance.graphs,
            sample,
            request_timeout: options.request_timeout,
            sessions: Sessions::new(options.max_sessions as usize),
            session_limits: options.session,
            server_timing: options.server_timing,
            require: options.require,
            loaded: SystemTime::now(),
            _held: held,
        })
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether `other` has shown all that this one had to.
    pub(crate) fn asks_no_more_than(&self, other: &Self) -> bool {
        self.require.is_none() || self.require == other.require
    }

    /// Maximum size of a request body, in bytes.
    pub(crate) fn body_limit(&self) -> usize {
        self.body_limit
    }

    /// What its manifest says, if it has one.
    pub(crate) fn declared(&self) -> Option<&Arc<Declared>> {
        self.declared.as_ref()
    }

    /// Longest body that its guest accepts; the guest refuses longer ones after reading them.
    pub(crate) fn accepted_body(&self) -> u64 {
        let limit = u64::try_from(self.body_limit).unwrap_or(u64::MAX);
        limit.min(self.guest_body_limit.unwrap_or(u64::MAX))
    }

    /// Whether its answers have the host's `server-timing`.
    pub(crate) fn tells_timings(&self) -> bool {
        self.server_timing
    }

    /// How its requests with a list of texts can be answered in parts.
    pub(crate) fn splits(&self, method: &Method, path: &str) -> Vec<&Split> {
        let path = without_trailing_slash(path);
        let splits = self.declared.iter().flat_map(|declared| &declared.splits);
        splits.filter(|split| method == Method::POST && split.path == path).collect()
    }

    /// Whether a request begins a session: it is answered while it is read.
    pub(crate) fn begins_session(&self, method: &Method, path: &str) -> bool {
        let path = without_trailing_slash(path);
        let mut sessions = self.declared.iter().flat_map(|declared| &declared.sessions);
        method == Method::POST && sessions.any(|session| session.path == path)
    }

    /// Begins a session that the host answers, within the limits of those of the function.
    ///
    /// # Errors
    /// [`TooManySessions`].
    pub(crate) fn begin_stream(
        &self,
    ) -> std::result::Result<(SessionLimits, SessionPlace), TooManySessions> {
        Ok((self.session_limits, self.sessions.begin()?))
    }

    /// The path of the session that a WebSocket at `path` is.
    pub(crate) fn socket(&self, path: &str) -> Option<&str> {
        let path = without_trailing_slash(path);
        let mut sessions = self.declared.iter().flat_map(|declared| &declared.sessions);
        let session = sessions.find(|session| session.sockets.iter().any(|other| other == path))?;
        Some(&session.path)
    }

    /// Maximum number of texts of a request that may be split.
    pub(crate) fn max_texts(&self) -> usize {
        self.declared.as_ref().map_or(0, |declared| declared.max_texts)
    }

    /// Cores that none of its requests is worked on by, as far as they may be taken.
    pub(crate) fn idle_cores(&self) -> usize {
        let requests = self.admission.status();
        self.cores.min(requests.concurrent).saturating_sub(requests.running)
    }

    pub(crate) fn pool(&self) -> PoolStatus {
        self.pool.status()
    }

    pub(crate) fn graphs(&self) -> Option<&Graphs> {
        self.graphs.as_deref()
    }

    /// The model that it holds, where it says so.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// What was counted of its requests.
    pub(crate) fn statistics(&self) -> Statistics {
        self.handle.statistics()
    }

    pub(crate) fn status(&self) -> VersionStatus {
        let since = self.loaded.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let declared = self.declared.as_deref();
        let task = declared.map(|declared| declared.task.clone());
        VersionStatus {
            sha256: self.digest,
            source: self.source.to_string(),
            model: self.model.clone(),
            task: task.filter(|task| !task.is_empty()),
            endpoints: declared.map(|declared| declared.endpoints.clone()).unwrap_or_default(),
            loaded_unix: since.as_secs(),
            pool: self.pool.status(),
            requests: self.admission.status(),
            sessions: self.sessions.status(),
            failures: self.failures.status(),
            in_crash_backoff: self.crash_backoff.is_on(),
            graphs: self.graphs().map(Graphs::status),
            buffers: self.graphs().map(Graphs::buffer_status),
        }
    }
}

/// Loads the graph beside a component. Without any graphs the function is refused when it is linked.
fn load_graph(
    record: &GraphRecord,
    source: &Source,
    options: &InstanceOptions,
    cache: &Cache,
) -> Result<()> {
    let Some(graphs) = &options.graphs else { return Ok(()) };
    if let Some(file) = source.component_file() {
        record.load_beside(file, graphs, options.graph, cache)?;
    }
    record.warn_if_slow(graphs);
    Ok(())
}

/// How much of a session's time is computed at once: the least of all its sessions.
fn period(manifest: &BundleManifest) -> Option<Duration> {
    let periods = manifest.sessions.iter().map(|session| session.period_ms);
    periods.min().map(u64::from).map(Duration::from_millis)
}

/// What computes in the sandbox holds a core: more at once than there are cores, and some that
/// read and write meanwhile, only push each other out of the caches.
fn admission_limits(options: &FunctionOptions, in_sandbox: bool, cores: usize) -> AdmissionLimits {
    let most = options.pool.capacity();
    let concurrent = match options.concurrent_requests {
        Some(requests) => requests as usize,
        None if in_sandbox => (REQUESTS_PER_CORE * cores).min(most),
        None => most,
    };
    AdmissionLimits {
        concurrent,
        queue: options.queue as usize,
        queue_deadline: options.queue_deadline,
    }
}

/// What a component is called that computes graphs of its own choosing: another graph makes another
/// version.
fn with_graphs(component: Digest, graphs: &BTreeMap<String, Digest>) -> Digest {
    if graphs.is_empty() {
        return component;
    }
    let named = graphs.iter().flat_map(|(name, file)| [name.as_bytes(), file.as_bytes()]);
    Digest::of_parts(std::iter::once(component.as_bytes()).chain(named))
}

/// A version must not see the graph of another that has the same name.
fn with_graphs_of_its_own(
    source: Source,
    mut options: FunctionOptions,
) -> (Source, FunctionOptions) {
    #[cfg(feature = "compiler")]
    if let Source::Model { folder, choices, guest, compute: ModelCompute::Host(mut compute) } =
        source
    {
        compute.graphs = Arc::new(compute.graphs.fork());
        options.instance.graphs = Some(Arc::clone(&compute.graphs));
        let compute = ModelCompute::Host(compute);
        return (Source::Model { folder, choices, guest, compute }, options);
    }
    options.instance.graphs = options.instance.graphs.map(|graphs| Arc::new(graphs.fork()));
    (source, options)
}

/// What tells a version apart in headers, metrics and logs.
pub(crate) fn short(digest: Digest) -> String {
    let mut digits = digest.to_string();
    digits.truncate(SHORT);
    digits
}

fn label(function: &str, digest: Digest) -> HeaderValue {
    let label = format!("{function}@{}", short(digest));
    HeaderValue::from_str(&label).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

fn model_name(manifest: &BundleManifest) -> Option<String> {
    manifest.info.get("model").and_then(|name| name.as_str()).map(str::to_owned)
}
