use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pilotlight_model::Task;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, Sessions};
use crate::key::Key;
use crate::value_schema::{memory, path, period, size, table_of_paths, task};

/// Function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Function {
    /// Model folder, component, or component in an OCI registry:
    /// `oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]`.
    #[schemars(schema_with = "path")]
    pub source: PathBuf,
    /// Interval at which the registry is asked what the tag of `source` names. When the tag moves,
    /// the component that it then names is deployed [default: the tag is not followed]
    #[serde(default, with = "super::optional_period", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1s", "x-longest" = "24h"))]
    pub poll_interval: Option<Duration>,
    /// Task of a model folder [default: that of `model.toml`, or detected from the other files]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "task")]
    pub task: Option<Task>,
    /// Graph of a model folder with several graphs, by its path in the folder [default: the graph
    /// that serves best]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx_file: Option<String>,
    /// Name of the model in a folder, in paths such as `/v2/models/NAME`: lower-case letters, digits,
    /// `-` and `.` [default: that of `model.toml`, or that of the folder]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
    /// Where inference for a model folder runs; a component determines this itself.
    #[serde(default)]
    pub compute: Compute,
    /// Number format for a model folder: f32, int8, int4 (in the sandbox, and with the backend
    /// native on the host), or unchanged (on the host) [default: f32]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Guest component with which a model folder is built, instead of the one in the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub guest: Option<PathBuf>,
    /// Model folder for a component that is not pre-initialized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub model: Option<PathBuf>,
    /// Graphs that a component can load by their names through wasi:nn. The graph that `pilotlight
    /// build` wrote beside the component is found without an entry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "table_of_paths")]
    pub graphs: BTreeMap<String, PathBuf>,
    /// Let a component load graphs that it contains.
    #[serde(default)]
    pub allow_guest_graphs: bool,
    /// Give a component clocks with a resolution of 1 ns instead of 0.1 ms.
    #[serde(default)]
    pub fine_clocks: bool,
    /// Instance pool.
    #[serde(default)]
    pub pool: Pool,
    /// Limits of requests and instances.
    #[serde(default)]
    pub limits: Limits,
    /// Limits of sessions.
    #[serde(default)]
    pub sessions: Sessions,
    /// Inference on the host.
    #[serde(default)]
    pub host: Host,
}

impl Function {
    pub(crate) fn paths_mut(&mut self, at: &Key) -> Vec<(Key, &mut PathBuf)> {
        let mut paths = Vec::new();
        if registry_reference(&self.source).is_none() {
            paths.push((at.name("source"), &mut self.source));
        }
        paths.extend(self.guest.iter_mut().map(|path| (at.name("guest"), path)));
        paths.extend(self.model.iter_mut().map(|path| (at.name("model"), path)));
        let graphs = at.name("graphs");
        paths.extend(self.graphs.iter_mut().map(|(name, path)| (graphs.name(name), path)));
        let library = at.name("host").name("onnxruntime");
        paths.extend(self.host.onnxruntime.iter_mut().map(|path| (library.clone(), path)));
        paths
    }
}

/// The reference that the source of a function is, if it names a component in an OCI registry.
pub fn registry_reference(source: &Path) -> Option<&str> {
    source.to_str().filter(|source| source.starts_with("oci://"))
}

/// Whether a source is a tag in an OCI registry, which can move.
pub fn is_tag(source: &Path) -> bool {
    registry_reference(source).is_some_and(|reference| !reference.contains('@'))
}

/// Where inference runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compute {
    /// In the sandbox.
    Guest,
    /// On the host, natively, through wasi:nn.
    #[default]
    Host,
}

/// Number format for inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// The number format of the graph file; only on the host.
    Unchanged,
    /// 32-bit floating point.
    F32,
    /// 8-bit integers.
    Int8,
    /// 4-bit weights; in the sandbox, and with the backend native on the host.
    Int4,
}

/// Instance pool of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Pool {
    /// Minimum number of ready instances, at most `max-instances`; the pool keeps more after
    /// bursts.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub min_ready: u32,
    /// Maximum number of live instances; further requests wait.
    #[schemars(range(min = 1, max = 4096))]
    pub max_instances: u32,
    /// Number of requests that an instance answers before it is replaced; 0 means no limit. With 1,
    /// no request can observe another one.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub requests_per_instance: u32,
    /// Number of requests that an instance answers concurrently. If the instance fails, all of them
    /// fail. A further request starts while the instance waits, not while it computes.
    #[schemars(range(min = 1, max = 1024))]
    pub concurrent_requests_per_instance: u32,
    /// Time after which the pool gives up ready instances that were not needed.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub idle_shrink: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            min_ready: 4,
            max_instances: 128,
            requests_per_instance: 1,
            concurrent_requests_per_instance: 1,
            idle_shrink: Duration::from_secs(10),
        }
    }
}

/// Limits of a function's requests and instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Limits {
    /// Maximum time from the arrival of a request to its response.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub request_timeout: Duration,
    /// Maximum memory of an instance: bytes, or a number and KiB, MiB or GiB.
    #[serde(with = "super::memory")]
    #[schemars(schema_with = "memory")]
    pub memory: u64,
    /// Maximum CPU time of a request [default: limited by `request-timeout` only]
    #[serde(with = "super::optional_period", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub cpu_time: Option<Duration>,
    /// Maximum size of a request body, up to `http.max-body-bytes`: bytes, or a number and KiB, MiB
    /// or GiB.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size")]
    pub body: u64,
    /// Maximum number of requests that are processed concurrently, at most as many as the instances
    /// can take; further ones wait [default: two per core if a model computes in the sandbox,
    /// otherwise as many as the instances can take]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub concurrent_requests: Option<u32>,
    /// Maximum number of requests in the queue; further ones are answered with 503.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub queue: u32,
    /// Maximum time of a request in the queue, for admission and for an instance. A request that
    /// would wait longer is answered with 503 at once.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub queue_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(120),
            memory: 1 << 30,
            cpu_time: None,
            body: 8 << 20,
            concurrent_requests: None,
            queue: 256,
            queue_deadline: Duration::from_secs(1),
        }
    }
}
