use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use pilotlight_model::Task;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, Sessions};
use crate::key::Key;
use crate::value_schema::{memory, path, period, size, table_of_paths, task};

/// One function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Function {
    /// Its model folder or component.
    #[schemars(schema_with = "path")]
    pub source: PathBuf,
    /// What the model in a folder does, where its files do not say it or say something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "task")]
    pub task: Option<Task>,
    /// Graph of a model folder that has several, by its path in the folder; otherwise the one that
    /// serves best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx_file: Option<String>,
    /// Where the matrix work of a model folder is done; what a component wants is up to it.
    #[serde(default)]
    pub compute: Compute,
    /// Numbers to compute a model folder with: unchanged, f32 or int8 on the host; f32, int8 or
    /// int4 in the sandbox; f32 otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Guest component to build a model folder with, instead of the one in the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub guest: Option<PathBuf>,
    /// Model folder for a component that is not pre-initialized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub model: Option<PathBuf>,
    /// Graphs that a component may compute by their names, through wasi:nn; the one that
    /// `pilotlight build` wrote beside it needs no mention.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "table_of_paths")]
    pub graphs: BTreeMap<String, PathBuf>,
    /// Let a component load graphs that it brings along.
    #[serde(default)]
    pub allow_guest_graphs: bool,
    /// Let a component see clocks to the nanosecond, instead of to a tenth of a millisecond.
    #[serde(default)]
    pub fine_clocks: bool,
    /// Its instances.
    #[serde(default)]
    pub pool: Pool,
    /// What a request may take.
    #[serde(default)]
    pub limits: Limits,
    /// What its sessions may take.
    #[serde(default)]
    pub sessions: Sessions,
    /// How the host computes for it.
    #[serde(default)]
    pub host: Host,
}

impl Function {
    pub(crate) fn paths_mut(&mut self, at: &Key) -> Vec<(Key, &mut PathBuf)> {
        let mut paths = vec![(at.name("source"), &mut self.source)];
        paths.extend(self.guest.iter_mut().map(|path| (at.name("guest"), path)));
        paths.extend(self.model.iter_mut().map(|path| (at.name("model"), path)));
        let graphs = at.name("graphs");
        paths.extend(self.graphs.iter_mut().map(|(name, path)| (graphs.name(name), path)));
        let library = at.name("host").name("onnxruntime");
        paths.extend(self.host.onnxruntime.iter_mut().map(|path| (library.clone(), path)));
        paths
    }
}

/// Where the matrix work is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compute {
    /// In the sandbox.
    Guest,
    /// On the host, at native speed, through wasi:nn.
    #[default]
    Host,
}

/// Numbers to compute with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// As the file has them; on the host only.
    Unchanged,
    /// 32-bit floats.
    F32,
    /// 8-bit integers.
    Int8,
    /// 4-bit weights; in the sandbox only.
    Int4,
}

/// The instances of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Pool {
    /// Fewest instances kept ready; more when requests come in bursts.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub min_ready: u32,
    /// Most instances alive at once; further requests wait.
    #[schemars(range(min = 1, max = 4096))]
    pub max_instances: u32,
    /// Requests that an instance answers before it ends; 0 is no limit. With 1 no request can
    /// see anything of another.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub requests_per_instance: u32,
    /// Requests that an instance answers at once, sharing its fate; a further one starts while the
    /// instance waits, not while it computes.
    #[schemars(range(min = 1, max = 1024))]
    pub concurrent_requests_per_instance: u32,
    /// Time after which instances that nobody needed are not kept ready any more.
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

/// What a request may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Limits {
    /// Longest time from the arrival of a request to its response.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub request_timeout: Duration,
    /// Most memory that an instance may have: bytes, or a number and KiB, MiB or GiB.
    #[serde(with = "super::memory")]
    #[schemars(schema_with = "memory")]
    pub memory: u64,
    /// Most processor time of a request; without it, `request-timeout` is what ends one that
    /// computes for too long.
    #[serde(with = "super::optional_period", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "24h"))]
    pub cpu_time: Option<Duration>,
    /// Longest body of a request, of those that `http.max-body-bytes` lets in: bytes, or a number and
    /// KiB, MiB or GiB.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size")]
    pub body: u64,
    /// Requests that are worked on at once; further ones wait. Two for each core where a model
    /// computes in the sandbox, as many as the instances can take elsewhere, if nothing is said;
    /// nowhere more than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub concurrent_requests: Option<u32>,
    /// Most requests that wait; further ones are answered 503.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub queue: u32,
    /// Longest time that a request waits, for its turn and for an instance; it is answered 503 at
    /// once if it is going to be longer.
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
