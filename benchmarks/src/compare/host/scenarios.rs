//! The scenarios of inference on the host.

use std::path::Path;

use serde_json::{Value, json};

use super::agreement;
use super::direct::{Direct, Outcome};
use super::files::{Precision, Texts};
use super::servers::{HostServers, THREADS, Threads};
use super::wasmtime;
use crate::compare::report::{connections, targets, throughput};
use crate::compare::runner::{Run, Runner, TEXT};
use crate::compare::server::ServerSpec;
use crate::http;

/// The number of connections at which FastAPI is tuned, servers are compared and batching is measured.
pub(super) const CONNECTIONS: u64 = 64;
/// The servers at [`CONNECTIONS`]. *pilotlight* is what `build` and `serve` select without options.
pub(super) const COMPARED: [&str; 6] = [
    "FastAPI, f32",
    "pilotlight",
    "pilotlight, f32",
    "pilotlight, ONNX Runtime f32",
    "FastAPI, int8",
    "pilotlight, ONNX Runtime int8",
];
/// The servers whose labels are compared with the golden ones.
pub(super) const AGREEMENT: [&str; 3] = [COMPARED[1], COMPARED[2], COMPARED[5]];

/// The servers, and the texts that they are sent.
pub(super) struct Scenarios<'a> {
    pub(super) runner: &'a Runner,
    pub(super) servers: &'a HostServers,
    pub(super) direct: &'a Direct,
    /// Texts of many lengths.
    pub(super) corpus: &'a Texts,
    /// One text of 43 tokens.
    pub(super) single: &'a Texts,
}

impl Scenarios<'_> {
    pub(super) fn rounds(&self) -> usize {
        if self.runner.is_quick() { 2 } else { 5 }
    }

    pub(super) fn bodies(&self) -> String {
        self.corpus.bodies.display().to_string()
    }

    /// FastAPI with each of [`THREADS`].
    pub(super) fn fastapi_threads(&self) -> anyhow::Result<Run> {
        let fastapi = |threads: &Threads| {
            Ok((self.servers.fastapi(threads.name, Precision::F32, *threads)?, "/"))
        };
        let targets = THREADS.iter().map(fastapi).collect::<anyhow::Result<Vec<_>>>()?;
        self.crowd("host-fastapi", &targets, "1", 5)
    }

    /// Direct calls in all settings, the fastest first: in f32 and in int8.
    pub(super) fn direct(&self) -> anyhow::Result<[Vec<Outcome>; 2]> {
        let direct = self.direct.lasting(self.runner.direct_seconds(3));
        let tune = |precision| direct.tune(&self.servers.files.graph(precision), self.corpus);
        Ok([tune(Precision::F32)?, tune(Precision::Int8)?])
    }

    /// All servers at [`CONNECTIONS`], in the order of [`COMPARED`].
    pub(super) fn compared(&self, threads: Threads) -> anyhow::Result<Run> {
        let servers = self.servers;
        let targets = [
            (servers.fastapi(COMPARED[0], Precision::F32, threads)?, "/"),
            (servers.default()?, "/"),
            (servers.native_f32()?, "/"),
            (servers.pilotlight(COMPARED[3], Precision::F32)?, "/"),
            (servers.fastapi(COMPARED[4], Precision::Int8, threads)?, "/"),
            (servers.pilotlight(COMPARED[5], Precision::Int8)?, "/"),
        ];
        self.crowd("host-connections", &targets, "5", 15)
    }

    /// FastAPI and Pilotlight from one to many connections.
    pub(super) fn sweep(&self, threads: Threads) -> anyhow::Result<Run> {
        let servers = self.servers;
        let targets = [
            (servers.fastapi(COMPARED[0], Precision::F32, threads)?, "/"),
            (servers.default()?, "/"),
            (servers.pilotlight(COMPARED[3], Precision::F32)?, "/"),
        ];
        let steps = if self.runner.is_quick() { "1,64" } else { "1,4,16,64,256" };
        self.load("host-load", &targets, steps)
    }

    /// Inference in the sandbox. It is saturated by few connections.
    pub(super) fn sandbox(&self) -> anyhow::Result<Run> {
        let steps = if self.runner.is_quick() { "1,4" } else { "1,4,16" };
        self.load("host-sandbox", &[(self.servers.guest()?, "/")], steps)
    }

    /// The same component with Wasmtime's own wasi-nn.
    pub(super) fn wasmtime(&self) -> anyhow::Result<Option<Run>> {
        let peers = wasmtime::specs(self.servers)?;
        if peers.is_empty() {
            return Ok(None);
        }
        for spec in &peers {
            let server = spec.start()?;
            if let Err(error) = http::post(server.spec.port, "/", &json!({"inputs": TEXT})) {
                eprintln!("skipped: {} ({error:#})", spec.name);
                return Ok(None);
            }
        }
        let mut targets = vec![(self.servers.native_f32()?, "/")];
        targets.extend(peers.into_iter().map(|spec| (spec, "/")));
        let (body, seconds) = (json!({"inputs": TEXT}).to_string(), self.runner.seconds(4));
        let load = ["load", "--concurrency", "1,4", "--rounds", "1", "--duration", &seconds];
        let run = self.runner.compare(
            "host-wasmtime",
            &targets,
            &[&load[..], &["--warm-up", "1s", "--body", &body]].concat(),
        );
        run.map(Some)
    }

    fn load(&self, name: &str, targets: &[(ServerSpec, &str)], steps: &str) -> anyhow::Result<Run> {
        let (bodies, seconds) = (self.bodies(), self.runner.seconds(5));
        let load = ["load", "--concurrency", steps, "--rounds", "1", "--duration", &seconds];
        let more = ["--warm-up", "1s", "--corpus", &bodies];
        self.runner.compare(name, targets, &[&load[..], &more].concat())
    }

    /// [`CONNECTIONS`] to each target, in alternating rounds.
    fn crowd(
        &self,
        name: &str,
        targets: &[(ServerSpec, &str)],
        rounds: &str,
        seconds: u32,
    ) -> anyhow::Result<Run> {
        self.crowd_with(name, targets, (rounds, seconds), &self.corpus.bodies)
    }

    /// The same with other request bodies.
    pub(super) fn crowd_with(
        &self,
        name: &str,
        targets: &[(ServerSpec, &str)],
        (rounds, seconds): (&str, u32),
        bodies: &Path,
    ) -> anyhow::Result<Run> {
        let (bodies, seconds) = (bodies.display().to_string(), self.runner.seconds(seconds));
        let rounds = if self.runner.is_quick() { "1" } else { rounds };
        let connections = CONNECTIONS.to_string();
        let load = ["--concurrency", &connections, "--rounds", rounds, "--duration", &seconds];
        self.runner.compare(name, targets, &[&load[..], &["--corpus", &bodies]].concat())
    }

    /// Values of `--max-batch-tokens`, and ONNX Runtime with padding.
    pub(super) fn batching(&self) -> anyhow::Result<Run> {
        self.servers.build_padding()?;
        let specs = self.servers.batching()?;
        let targets: Vec<_> = specs.into_iter().map(|spec| (spec, "/")).collect();
        self.crowd("host-batching", &targets, "3", 9)
    }

    /// `/health` at a fixed rate while all cores compute: idle, then under load.
    pub(super) fn health(&self) -> anyhow::Result<[Value; 2]> {
        let spec = self.servers.default()?;
        let _server = spec.start()?;
        let health = spec.admin_url("/health").unwrap_or_default();
        let measure = |name: &str| {
            let seconds = self.runner.seconds(10);
            let rate = ["--rate", "100", "--target", &health, "--duration", &seconds];
            let report = self.runner.bench(name, &rate)?;
            anyhow::Ok(report["targets"][0].clone())
        };
        let idle = measure("health-idle")?;
        let (bodies, target) = (self.bodies(), spec.url("/"));
        // The load begins before the measurement and ends after it.
        let seconds = if self.runner.is_quick() { "8s" } else { "16s" };
        let connections = CONNECTIONS.to_string();
        let load = ["--concurrency", &connections, "--duration", seconds, "--corpus", &bodies];
        let busy = std::thread::scope(|scope| {
            let arguments = [&["--target", &target], &load[..]].concat();
            let load = scope.spawn(move || self.runner.bench("health-load", &arguments));
            std::thread::sleep(std::time::Duration::from_secs(3));
            let busy = measure("health-busy");
            let load = load.join().map_err(|_| anyhow::anyhow!("the load generator panicked"));
            load?.and(busy)
        })?;
        Ok([idle, busy])
    }

    /// Tokens of the golden texts with the golden label, and all tokens, of each server in [`AGREEMENT`].
    pub(super) fn agreement(&self) -> anyhow::Result<[(usize, usize); 3]> {
        let servers = self.servers;
        let of = |spec: ServerSpec| {
            let server = spec.start()?;
            agreement::of(server.spec.port)
        };
        Ok([
            of(servers.default()?)?,
            of(servers.native_f32()?)?,
            of(servers.pilotlight(COMPARED[5], Precision::Int8)?)?,
        ])
    }
}

/// The number of connections at which this target of a sweep has the most responses per second.
pub(super) fn saturating_connections(sweep: &Run, name: &str) -> u64 {
    let target = targets(&sweep.report).iter().find(|target| target["name"] == name);
    let steps = target.and_then(|target| target["steps"].as_array());
    let rates = steps.into_iter().flatten().filter_map(|step| {
        let connections = connections(step)?;
        Some((connections, throughput(&step["summary"], connections)))
    });
    let best = rates.max_by(|(_, one), (_, two)| one.total_cmp(two));
    best.map_or(1, |(connections, _)| connections)
}
