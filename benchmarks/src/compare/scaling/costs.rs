use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::body;
use super::servers::{Servers, compute};
use crate::compare::report::{number, targets};
use crate::compare::runner::Runner;
use crate::compare::server::{Server, ServerSpec, Usage};
use crate::fleet::Times;
use crate::http;

/// The number of instances from which the memory of one is calculated.
pub(super) const MANY: usize = 17;

const MIB: f64 = 1_048_576.0;

/// Memory, disk space and start times.
pub(super) struct Costs {
    /// With one instance that has computed, and with [`MANY`].
    pub(super) instances: [Usage; 2],
    /// Before and after a swap; the previous version stays ready for a rollback.
    pub(super) versions: [Usage; 2],
    /// With one function, and with two that have different models.
    pub(super) models: [Usage; 2],
    /// The size of a component in MiB.
    pub(super) component: f64,
    /// The size of the cache in MiB with one model, and with two.
    pub(super) cache: [f64; 2],
    /// From `exec` to the first response, with compiled code in the cache.
    pub(super) warm: Times,
    /// The same with an empty cache.
    pub(super) cold: Times,
}

impl Costs {
    /// Memory of one more instance in MiB.
    pub(super) fn instance(&self) -> f64 {
        let [one, many] = &self.instances;
        (many.pss - one.pss) / (MANY - 1) as f64
    }

    /// Memory of a server without its instance, in MiB.
    pub(super) fn server(&self) -> f64 {
        self.instances[0].pss - self.instance()
    }

    /// Instances for which a machine with this many MiB has memory.
    pub(super) fn instances_in(&self, mib: f64) -> f64 {
        ((mib - self.server()) / self.instance()).floor().max(0.0)
    }
}

pub(super) fn measure(runner: &Runner, servers: &Servers) -> anyhow::Result<Costs> {
    // These starts also fill the cache, so that no later one compiles.
    let sizes = [false, true].map(|with_second| {
        drop(servers.configured(with_second)?.start()?);
        disk_space(&servers.cache)
    });
    let [one, two] = sizes;
    let [warm, cold] = starts(runner, servers)?;
    Ok(Costs {
        instances: [instances(runner, servers, 1)?, instances(runner, servers, MANY)?],
        versions: versions(runner, servers)?,
        models: [models(runner, servers, false)?, models(runner, servers, true)?],
        component: fs::metadata(&servers.component)?.len() as f64 / MIB,
        cache: [one?, two?],
        warm,
        cold,
    })
}

/// Memory with `count` instances that have computed.
fn instances(runner: &Runner, servers: &Servers, count: usize) -> anyhow::Result<Usage> {
    let count = count.to_string();
    let limits = ["--min-ready", &*count, "--max-instances", &*count];
    let spec = servers.with(&[&limits[..], &["--requests-per-instance", "0"]].concat())?;
    let server = spec.start()?;
    let (target, body) = (format!("pilotlight={}", spec.url("/")), body());
    let load = ["--target", &*target, "--concurrency", &*count, "--body", &*body];
    runner.bench("scaling", &[&load[..], &["--duration", "5s", "--warm-up", "5s"]].concat())?;
    server.usage()
}

fn versions(runner: &Runner, servers: &Servers) -> anyhow::Result<[Usage; 2]> {
    let server = servers.with(&[])?.start()?;
    compute(&server, false)?;
    let before = idle_usage(&server, runner)?;
    let admin = server.spec.admin.context("the server has no administration API")?;
    http::put(admin, "/functions/default", &json!({"source": servers.second}))?;
    compute(&server, false)?;
    Ok([before, idle_usage(&server, runner)?])
}

fn models(runner: &Runner, servers: &Servers, with_second: bool) -> anyhow::Result<Usage> {
    let server = servers.configured(with_second)?.start()?;
    compute(&server, with_second)?;
    idle_usage(&server, runner)
}

/// Resources of the idle server, after pools have shrunk.
fn idle_usage(server: &Server, runner: &Runner) -> anyhow::Result<Usage> {
    std::thread::sleep(Duration::from_secs(if runner.is_quick() { 1 } else { 25 }));
    server.usage()
}

/// Start times with a filled cache, and with an empty one.
fn starts(runner: &Runner, servers: &Servers) -> anyhow::Result<[Times; 2]> {
    let (warm, cold) = (servers.with(&[])?, without_cache(servers)?);
    let entry = |(name, spec): (&str, &ServerSpec)| {
        json!({
            "name": name, "command": spec.command, "url": spec.url("/info"),
            "then_url": spec.url("/"), "then_body": body(),
        })
    };
    let list = Value::Array([("warm cache", &warm), ("empty cache", &cold)].map(entry).into());
    let file = runner.plots().join("scaling-start.spec.json");
    fs::write(&file, serde_json::to_vec_pretty(&list)?)?;
    let starts = if runner.is_quick() { "2" } else { "15" };
    let path = file.display().to_string();
    let report = runner
        .bench("scaling", &["start", "--spec", &path, "--starts", starts, "--timeout", "120s"])?;
    fs::remove_file(&file)?;
    let times = |target: &Value| {
        let starts = target["starts"].as_array().into_iter().flatten();
        Times::from_samples(starts.map(|start| number(&start["total_ms"]) / 1e3).collect())
    };
    let [warm, cold] = targets(&report) else {
        anyhow::bail!("the report of the starts does not have two targets")
    };
    Ok([times(warm)?, times(cold)?])
}

/// A server whose cache is removed before each start.
fn without_cache(servers: &Servers) -> anyhow::Result<ServerSpec> {
    let spec = servers.with(&[])?;
    let filled = servers.cache.display().to_string();
    let empty = servers.cache.with_file_name("empty-cache").display().to_string();
    let remove = ["sh", "-c", "rm -rf \"$1\" && shift && exec \"$@\"", "sh", &*empty];
    let serve = spec.command.iter().map(|word| if *word == filled { &*empty } else { &**word });
    let command = remove.into_iter().chain(serve).map(str::to_owned).collect();
    Ok(ServerSpec { command, ..spec })
}

/// The disk space of all files in a folder, in MiB.
fn disk_space(folder: &Path) -> anyhow::Result<f64> {
    /// The unit of `st_blocks`, whatever the file system.
    const BLOCK: f64 = 512.0;
    let mut sum = 0.0;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += match metadata.is_dir() {
            true => disk_space(&entry.path())?,
            false => metadata.blocks() as f64 * BLOCK / MIB,
        };
    }
    Ok(sum)
}

/// Cores and memory of a node.
pub(super) struct NodeSize {
    pub(super) cores: usize,
    pub(super) gib: f64,
}

/// This machine's cores with little and with more memory, and common sizes of virtual machines.
pub(super) fn node_sizes(cores: usize) -> [NodeSize; 4] {
    [(cores, 1.0), (cores, 4.0), (8, 32.0), (64, 256.0)].map(|(cores, gib)| NodeSize { cores, gib })
}
