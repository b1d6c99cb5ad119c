//! The scenarios of inference on the host.

use serde_json::{Value, json};

use super::agreement;
use super::direct::{Direct, Outcome, Setting, cores};
use super::files::{Precision, Texts};
use super::servers::{BATCHING, HostServers, MULTIPLES, THREADS, Threads};
use super::wasmtime;
use crate::compare::report::{connections, number};
use crate::compare::runner::{Run, Runner, TEXT};
use crate::compare::server::ServerSpec;

/// The number of connections at which FastAPI is tuned and batching is measured.
pub(super) const CONNECTIONS: &str = "64";

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

/// The results in one precision.
pub(super) struct PrecisionResults {
    pub(super) precision: Precision,
    /// Direct calls in all settings, the fastest first.
    pub(super) direct: Vec<Outcome>,
    pub(super) sweep: Run,
    /// Texts per second at saturation.
    pub(super) saturated: PairedRounds,
    /// Tokens with the golden label, and all tokens.
    pub(super) agreement: (usize, usize),
}

/// Alternating rounds of direct calls and of requests to Pilotlight.
pub(super) struct PairedRounds {
    pub(super) connections: u64,
    pub(super) direct: Vec<f64>,
    pub(super) pilotlight: Vec<f64>,
}

impl PairedRounds {
    fn new(connections: u64) -> Self {
        Self { connections, direct: Vec::new(), pilotlight: Vec::new() }
    }

    /// Pilotlight relative to direct calls, for each round.
    pub(super) fn ratios(&self) -> Vec<f64> {
        let pairs = self.pilotlight.iter().zip(&self.direct);
        pairs.map(|(pilotlight, direct)| pilotlight / direct).collect()
    }
}

impl Scenarios<'_> {
    fn rounds(&self) -> usize {
        if self.runner.is_quick() { 2 } else { 5 }
    }

    fn bodies(&self) -> String {
        self.corpus.bodies.display().to_string()
    }

    /// FastAPI with each of [`THREADS`].
    pub(super) fn fastapi_threads(&self) -> anyhow::Result<Run> {
        let fastapi = |threads: &Threads| {
            Ok((self.servers.fastapi(threads.name, Precision::F32, *threads)?, "/"))
        };
        let targets = THREADS.iter().map(fastapi).collect::<anyhow::Result<Vec<_>>>()?;
        let (bodies, seconds) = (self.bodies(), self.runner.seconds(15));
        let rounds = if self.runner.is_quick() { "1" } else { "3" };
        let load = ["--concurrency", CONNECTIONS, "--rounds", rounds, "--duration", &seconds];
        self.runner.compare("host-fastapi", &targets, &[&load[..], &["--corpus", &bodies]].concat())
    }

    /// All scenarios that are repeated for each precision.
    pub(super) fn precision(
        &self,
        precision: Precision,
        threads: Threads,
    ) -> anyhow::Result<PrecisionResults> {
        let graph = self.servers.files.graph(precision);
        let direct = self.direct.tune(&graph, self.corpus)?;
        let sweep = self.sweep(precision, threads)?;
        let connections = saturating_connections(&sweep.report["targets"][1]);
        let saturated = self.saturated(precision, direct[0].setting, connections)?;
        let agreement = self.agreement(precision)?;
        Ok(PrecisionResults { precision, direct, sweep, saturated, agreement })
    }

    /// Throughput and latency from one connection to many.
    fn sweep(&self, precision: Precision, threads: Threads) -> anyhow::Result<Run> {
        let servers = self.servers;
        let mut targets = vec![
            (servers.fastapi("FastAPI", precision, threads)?, "/"),
            (servers.pilotlight("pilotlight", precision)?, "/"),
        ];
        if precision == Precision::F32 {
            targets.push((servers.tract(precision)?, "/"));
        }
        let name = format!("host-{}", precision.name());
        let steps = if self.runner.is_quick() { "1,16,64" } else { "1,2,4,16,64,256" };
        self.load(&name, &targets, steps)
    }

    /// Inference in the sandbox. It is saturated by few connections.
    pub(super) fn sandbox(&self) -> anyhow::Result<Run> {
        let steps = if self.runner.is_quick() { "1,4" } else { "1,2,4,16" };
        self.load("host-sandbox", &[(self.servers.guest()?, "/")], steps)
    }

    /// The same component with Wasmtime's own wasi-nn.
    pub(super) fn wasmtime(&self) -> anyhow::Result<Option<Run>> {
        let peers = wasmtime::specs(self.servers)?;
        if peers.is_empty() {
            return Ok(None);
        }
        let mut targets = vec![(self.servers.pilotlight("pilotlight", Precision::F32)?, "/")];
        targets.extend(peers.into_iter().map(|spec| (spec, "/")));
        let (body, seconds) = (json!({"inputs": TEXT}).to_string(), self.runner.seconds(10));
        let load = ["load", "--concurrency", "1,4", "--rounds", "2", "--duration", &seconds];
        let run = self.runner.compare(
            "host-wasmtime",
            &targets,
            &[&load[..], &["--body", &body]].concat(),
        );
        run.map(Some)
    }

    fn load(&self, name: &str, targets: &[(ServerSpec, &str)], steps: &str) -> anyhow::Result<Run> {
        let (bodies, seconds) = (self.bodies(), self.runner.seconds(30));
        let rounds = if self.runner.is_quick() { "1" } else { "2" };
        let load = ["load", "--concurrency", steps, "--rounds", rounds, "--duration", &seconds];
        self.runner.compare(name, targets, &[&load[..], &["--corpus", &bodies]].concat())
    }

    /// Texts per second at saturation: Pilotlight, and direct calls in their fastest setting.
    fn saturated(
        &self,
        precision: Precision,
        setting: Setting,
        connections: u64,
    ) -> anyhow::Result<PairedRounds> {
        let spec = self.servers.pilotlight("pilotlight", precision)?;
        let _server = spec.start()?;
        let target = spec.url("/");
        let (bodies, workers, seconds) =
            (self.bodies(), connections.to_string(), self.runner.seconds(15));
        let load = ["--concurrency", &workers, "--duration", &seconds, "--corpus", &bodies];
        let graph = self.servers.files.graph(precision);
        let mut rounds = PairedRounds::new(connections);
        for _ in 0..self.rounds() {
            rounds.direct.push(self.direct.run(&graph, self.corpus, setting)?.per_second);
            let report =
                self.runner.bench("saturated", &[&["--target", &target], &load[..]].concat())?;
            rounds.pilotlight.push(number(&report["targets"][0]["summary"]["requests_per_second"]));
        }
        Ok(rounds)
    }

    /// Median latency of one text after the other, in milliseconds. Direct calls use one thread or all
    /// cores, whichever is faster.
    pub(super) fn latency(&self) -> anyhow::Result<PairedRounds> {
        let spec = self.servers.pilotlight("pilotlight", Precision::F32)?;
        let _server = spec.start()?;
        let target = spec.url("/");
        let body = json!({"inputs": TEXT}).to_string();
        let seconds = self.runner.seconds(8);
        let arguments = ["--target", &target, "--duration", &seconds, "--body", &body];
        let graph = self.servers.files.graph(Precision::F32);
        let mut rounds = PairedRounds::new(1);
        for _ in 0..self.rounds() {
            let p50 = |threads| {
                let setting = Setting { callers: 1, threads, batch: 1 };
                anyhow::Ok(self.direct.run(&graph, self.single, setting)?.p50)
            };
            rounds.direct.push(p50(1)?.min(p50(cores())?));
            let report = self.runner.bench("latency", &arguments)?;
            rounds.pilotlight.push(number(&report["targets"][0]["summary"]["p50_ms"]));
        }
        Ok(rounds)
    }

    /// Pilotlight with each of [`BATCHING`].
    pub(super) fn batching(&self) -> anyhow::Result<Run> {
        MULTIPLES.iter().try_for_each(|multiple| self.servers.build_padding(multiple))?;
        let pilotlight = |setting| Ok((self.servers.batching(setting)?, "/"));
        let targets = BATCHING.iter().map(pilotlight).collect::<anyhow::Result<Vec<_>>>()?;
        let (bodies, seconds) = (self.bodies(), self.runner.seconds(20));
        let rounds = if self.runner.is_quick() { "1" } else { "5" };
        let load = ["--concurrency", CONNECTIONS, "--rounds", rounds, "--duration", &seconds];
        self.runner.compare(
            "host-batching",
            &targets,
            &[&load[..], &["--corpus", &bodies]].concat(),
        )
    }

    /// `/health` at a fixed rate while all cores compute: idle, then under load.
    pub(super) fn health(&self) -> anyhow::Result<[Value; 2]> {
        let spec = self.servers.pilotlight("pilotlight", Precision::F32)?;
        let _server = spec.start()?;
        let health = spec.admin_url("/health").unwrap_or_default();
        let measure = |name: &str| {
            let seconds = self.runner.seconds(20);
            let rate = ["--rate", "100", "--target", &health, "--duration", &seconds];
            let report = self.runner.bench(name, &rate)?;
            anyhow::Ok(report["targets"][0].clone())
        };
        let idle = measure("health-idle")?;
        let (bodies, target) = (self.bodies(), spec.url("/"));
        // The load begins before the measurement and ends after it.
        let seconds = if self.runner.is_quick() { "8s" } else { "30s" };
        let load = ["--concurrency", CONNECTIONS, "--duration", seconds, "--corpus", &bodies];
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

    /// Labels of the golden texts.
    fn agreement(&self, precision: Precision) -> anyhow::Result<(usize, usize)> {
        let server = self.servers.pilotlight("pilotlight", precision)?.start()?;
        agreement::of(server.spec.port)
    }
}

/// The number of connections with the most responses per second.
fn saturating_connections(target: &Value) -> u64 {
    let steps = target["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let throughput = |step: &&Value| number(&step["summary"]["requests_per_second"]);
    let best = steps.iter().max_by(|one, two| throughput(one).total_cmp(&throughput(two)));
    best.and_then(connections).unwrap_or(1)
}
