//! Definition of a function, by flags or by a configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use pilotlight::{
    Cache, Choices, Error, GRAPH_EXTENSION, Guest, HostCompute, ModelCompute, NewVersion,
    Precision, Result, Source,
};
use pilotlight_bundle::Policy;
use pilotlight_config::{self as config, registry_reference};
use pilotlight_inference::{Device, Graphs};
use pilotlight_model::{Digest, ModelFolder};

use super::options::ServeArgs;
use crate::compute::{BatchRows, ComputeOptions, Engine, Place};
use crate::model::choices;
use crate::oci;

/// Definition of a function.
#[derive(Clone)]
pub(super) struct Blueprint {
    /// Model folder, component, or reference to a component in a registry.
    pub(super) source: PathBuf,
    /// How often a tag in a registry is polled, if it is followed.
    poll_interval: Option<Duration>,
    choices: Choices,
    place: Place,
    guest: Option<PathBuf>,
    graphs: Vec<(String, PathBuf)>,
    function: pilotlight::FunctionOptions,
    host: ComputeOptions,
}

/// Definitions of the functions that are served now, by name.
#[derive(Clone, Default)]
pub(super) struct Blueprints(Arc<RwLock<BTreeMap<String, Blueprint>>>);

impl Blueprints {
    pub(super) fn set(&self, functions: BTreeMap<String, Blueprint>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = functions;
    }

    /// The function called `name`.
    ///
    /// # Errors
    /// [`Error::NoFunction`].
    pub(super) fn get(&self, name: &str) -> Result<Blueprint> {
        let functions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = functions.get(name).cloned();
        found.ok_or_else(|| Error::no_function(name, functions.keys()))
    }
}

/// Backends by their options, started when they are first needed.
#[derive(Default)]
pub(super) struct Backends(Mutex<Vec<(ComputeOptions, Graphs)>>);

impl Backends {
    /// A backend with `options` and without graphs.
    fn start(&self, options: &ComputeOptions, cache: &Cache) -> Result<HostCompute> {
        let mut started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, graphs)) = started.iter().find(|(other, _)| other.shares_backend(options)) {
            return Ok(options.with(graphs.fork()));
        }
        let compute = options.start(Some(cache))?;
        started.push((options.clone(), compute.graphs.fork()));
        Ok(compute)
    }
}

impl Blueprint {
    /// The function that flags define, with `source`.
    pub(super) fn of_flags(options: &ServeArgs, source: PathBuf) -> Self {
        Self {
            source,
            poll_interval: options.poll_interval.map(Duration::from_secs),
            choices: options.choices.choices(),
            place: options.compute,
            guest: options.guest.clone(),
            graphs: options.graph.clone(),
            function: options.function(),
            host: options.host.clone(),
        }
    }

    /// A function of a configuration.
    pub(super) fn of_config(
        function: &config::Function,
        telemetry: &config::Telemetry,
    ) -> Result<Self> {
        let graphs = function.graphs.iter().map(|(name, file)| (name.clone(), file.clone()));
        let host = compute_options(function)?;
        Ok(Self {
            source: function.source.clone(),
            poll_interval: function.poll_interval,
            choices: choices(function),
            place: match function.compute {
                config::Compute::Guest => Place::Guest,
                config::Compute::Host => Place::Host,
            },
            guest: function
                .guest
                .clone()
                .or_else(|| std::env::var_os("PILOTLIGHT_GUEST").map(Into::into)),
            graphs: graphs.collect(),
            function: function_options(function, telemetry, &host),
            host,
        })
    }

    /// The same function, with components that have to satisfy `policy`.
    pub(super) fn requiring(mut self, policy: Option<Arc<Policy>>) -> Self {
        self.function.require = policy;
        self
    }

    /// The same function with another source.
    pub(super) fn from(self, source: &Path) -> Self {
        Self { source: source.to_owned(), ..self }
    }

    /// The tag in a registry that is followed, and how often it is polled.
    pub(super) fn followed_tag(&self) -> Option<(&str, Duration)> {
        Some((registry_reference(&self.source)?, self.poll_interval?))
    }

    /// Calls [`Self::version`] outside of the threads that answer requests.
    pub(super) async fn planned(
        self,
        name: &str,
        backends: &Arc<Backends>,
        cache: &Cache,
    ) -> Result<NewVersion> {
        let (name, backends, cache) = (name.to_owned(), Arc::clone(backends), cache.clone());
        let planned =
            tokio::task::spawn_blocking(move || self.version(&name, &backends, &cache)).await;
        planned.map_err(Error::unfinished("planning a version"))?
    }

    /// The version to load for the function called `name`; pulls it into `cache` if it is in a
    /// registry, and starts a backend if the host computes for it. Blocks.
    pub(super) fn version(
        &self,
        name: &str,
        backends: &Backends,
        cache: &Cache,
    ) -> Result<NewVersion> {
        let fetched = registry_reference(&self.source);
        let fetched = fetched.map(|reference| oci::fetch(reference, cache)).transpose()?;
        let path = fetched.as_ref().and_then(Source::component_file).unwrap_or(&self.source);
        let path = path.to_owned();
        let mut options = self.function.clone();
        if path.is_dir() && options.instance.model.is_some() {
            let path = path.display();
            let message = format!("--model applies to components only; {path} is a model folder");
            return Err(Error::Options(message));
        }
        let compute = self.on_host(&path).then(|| backends.start(&self.host, cache)).transpose()?;
        if let Some(compute) = &compute {
            options.graph_files = self.load_graphs(compute)?;
            options.instance.graphs = Some(compute.graphs.clone());
        }
        let source = if let Some(fetched) = fetched {
            fetched
        } else if path.is_dir() {
            let guest = Guest::open(self.guest.as_deref(), self.place.guest())?;
            let in_guest = || ModelCompute::Guest(self.host.precision());
            let compute = compute.map_or_else(in_guest, ModelCompute::Host);
            let (folder, choices) = (path, self.choices.clone());
            Source::Model { folder, choices, guest, compute }
        } else {
            Source::Component(path)
        };
        Ok(NewVersion { function: name.to_owned(), source, options })
    }

    /// Loads the named graphs; returns the digests of their files.
    fn load_graphs(&self, compute: &HostCompute) -> Result<BTreeMap<String, Digest>> {
        let load = |(name, file): &(String, PathBuf)| {
            let io = |source| Error::Io { path: file.clone(), source };
            let bytes = std::fs::read(file).map_err(io)?;
            let digest = Digest::of(&bytes);
            compute.graphs.load(name, bytes, compute.options)?;
            Ok((name.clone(), digest))
        };
        self.graphs.iter().map(load).collect()
    }

    /// Files of the function: a change of one of them is a new version. For a model folder this is
    /// only `model.toml` if that contains the digests of all other files.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let graphs = self.graphs.iter().map(|(_, file)| file.clone());
        if registry_reference(&self.source).is_some() {
            return graphs.collect();
        }
        if !self.source.is_dir() {
            return std::iter::once(self.source.clone()).chain(graphs).collect();
        }
        ModelFolder::watched(&self.source, &self.choices).into_iter().chain(graphs).collect()
    }

    /// Whether a backend is needed for the folder or component at `path`: a component that computes in
    /// the sandbox starts without one.
    fn on_host(&self, path: &Path) -> bool {
        if path.is_dir() {
            return self.place == Place::Host;
        }
        let beside = path.with_extension(GRAPH_EXTENSION);
        !self.graphs.is_empty() || self.function.instance.guest_graphs || beside.is_file()
    }
}

fn function_options(
    function: &config::Function,
    telemetry: &config::Telemetry,
    host: &ComputeOptions,
) -> pilotlight::FunctionOptions {
    let config::Function { pool, limits, sessions, .. } = function;
    let mut options = pilotlight::FunctionOptions::default();
    options.pool.min_ready = pool.min_ready;
    options.pool.max_instances = pool.max_instances;
    options.pool.requests_per_instance = pool.requests_per_instance;
    options.pool.concurrent_requests_per_instance = pool.concurrent_requests_per_instance;
    options.pool.idle_shrink = pool.idle_shrink;
    options.request_timeout = limits.request_timeout;
    options.instance.memory_limit = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    options.instance.cpu_time = limits.cpu_time;
    options.body_limit = usize::try_from(limits.body).unwrap_or(usize::MAX);
    options.concurrent_requests = limits.concurrent_requests;
    options.queue = limits.queue;
    options.queue_deadline = limits.queue_deadline;
    options.max_sessions = sessions.max;
    options.session.idle = sessions.idle;
    options.session.behind = usize::try_from(sessions.behind).unwrap_or(usize::MAX);
    options.session.length = sessions.length;
    options.session.patience = sessions.patience;
    options.server_timing = telemetry.server_timing;
    options.instance.model.clone_from(&function.model);
    options.instance.guest_graphs = function.allow_guest_graphs;
    options.instance.fine_clocks = function.fine_clocks;
    options.instance.graph = host.graph_options();
    options
}

fn compute_options(function: &config::Function) -> Result<ComputeOptions> {
    let config::Function { host, .. } = function;
    let device: Device = host.device.as_str().parse().map_err(Error::Options)?;
    let library = || std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    Ok(ComputeOptions {
        backend: host.backend.map(|backend| match backend {
            config::Backend::Native => Engine::Native,
            config::Backend::Tract => Engine::Tract,
            config::Backend::Onnxruntime => Engine::Onnxruntime,
        }),
        device,
        cpu: host.cpu.map(|set| set.as_str().parse()).transpose().map_err(Error::Options)?,
        onnxruntime: host.onnxruntime.clone().or_else(library),
        isolate_backend: host.isolate,
        isolate_timeout: host.isolate_timeout,
        compute_threads: host.compute_threads,
        precision: function.precision.map(|precision| match precision {
            config::Precision::Unchanged => Precision::Unchanged,
            config::Precision::F32 => Precision::F32,
            config::Precision::Int8 => Precision::Int8,
            config::Precision::Int4 => Precision::Int4,
        }),
        pad_to_multiple_of: host.pad_to_multiple_of,
        max_batch: host.max_batch,
        max_batch_tokens: host.max_batch_tokens,
        batch_rows: match host.batch_rows {
            config::BatchRows::Auto => BatchRows::Auto,
            config::BatchRows::Always => BatchRows::Always,
            config::BatchRows::Never => BatchRows::Never,
        },
        max_wait: host.max_wait.as_millis() as u64,
        graph_concurrency: host.graph_concurrency,
        graph_queue: host.graph_queue,
    })
}
