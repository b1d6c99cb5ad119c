//! The scenarios of computing on the host.

use serde_json::{Value, json};

use super::agreement;
use super::contenders::{BATCHING, BUCKETS, Contenders, THREADS, Threads};
use super::direct::{Direct, Outcome, Setting, cores};
use super::files::{Precision, Texts};
use super::wasmtime;
use crate::compare::lab::{Lab, Run, TEXT};
use crate::compare::service::Recipe;
use crate::compare::words::number;

/// Connections among which FastAPI is tuned and batching is shown.
pub(super) const CONNECTIONS: &str = "64";

pub(super) struct Measure<'a> {
    pub(super) lab: &'a Lab,
    pub(super) contenders: &'a Contenders,
    pub(super) direct: &'a Direct,
    pub(super) corpus: &'a Texts,
    pub(super) single: &'a Texts,
}

/// What was found with one kind of numbers.
pub(super) struct Found {
    pub(super) precision: Precision,
    /// The direct call in all settings, the best one first.
    pub(super) limit: Vec<Outcome>,
    pub(super) sweep: Run,
    pub(super) saturated: Pairs,
    /// Tokens with the golden label, and all tokens.
    pub(super) agreement: (usize, usize),
}

/// The direct call and the server in turn.
pub(super) struct Pairs {
    pub(super) connections: u64,
    pub(super) direct: Vec<f64>,
    pub(super) ours: Vec<f64>,
}

impl Pairs {
    pub(super) fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.direct).map(|(ours, direct)| ours / direct).collect()
    }
}

impl Measure<'_> {
    fn rounds(&self) -> usize {
        if self.lab.is_quick() { 2 } else { 5 }
    }

    fn bodies(&self) -> String {
        self.corpus.bodies.display().to_string()
    }

    /// FastAPI with its threads set in all ways.
    pub(super) fn tune(&self) -> anyhow::Result<Run> {
        let fastapi = |threads: &Threads| {
            Ok((self.contenders.fastapi(threads.name, Precision::F32, *threads)?, "/"))
        };
        let targets = THREADS.iter().map(fastapi).collect::<anyhow::Result<Vec<_>>>()?;
        let (bodies, seconds) = (self.bodies(), self.lab.seconds(15));
        let rounds = if self.lab.is_quick() { "1" } else { "3" };
        let load = ["--concurrency", CONNECTIONS, "--rounds", rounds, "--duration", &seconds];
        self.lab.compare("host-fastapi", &targets, &[&load[..], &["--corpus", &bodies]].concat())
    }

    pub(super) fn precision(
        &self,
        precision: Precision,
        threads: Threads,
    ) -> anyhow::Result<Found> {
        let graph = self.contenders.files.graph(precision);
        let limit = self.direct.tune(&graph, self.corpus)?;
        let sweep = self.sweep(precision, threads)?;
        let connections = most(&sweep.report["targets"][1]);
        let saturated = self.saturated(precision, limit[0].setting, connections)?;
        let agreement = self.agreement(precision)?;
        Ok(Found { precision, limit, sweep, saturated, agreement })
    }

    /// From one connection to many.
    fn sweep(&self, precision: Precision, threads: Threads) -> anyhow::Result<Run> {
        let contenders = self.contenders;
        let mut targets = vec![
            (contenders.fastapi("FastAPI", precision, threads)?, "/"),
            (contenders.pilotlight("pilotlight", precision)?, "/"),
        ];
        if precision == Precision::F32 {
            targets.push((contenders.tract(precision)?, "/"));
        }
        let name = format!("host-{}", precision.word());
        let steps = if self.lab.is_quick() { "1,16,64" } else { "1,2,4,16,64,256" };
        self.load(&name, &targets, steps)
    }

    /// The sandbox alone computes so slowly that more connections would only wait.
    pub(super) fn sandbox(&self) -> anyhow::Result<Run> {
        let steps = if self.lab.is_quick() { "1,4" } else { "1,2,4,16" };
        self.load("host-sandbox", &[(self.contenders.guest()?, "/")], steps)
    }

    /// The same component beside Wasmtime's own wasi-nn, one text after the other.
    pub(super) fn wasmtime(&self) -> anyhow::Result<Option<Run>> {
        let peers = wasmtime::recipes(self.contenders)?;
        if peers.is_empty() {
            return Ok(None);
        }
        let mut targets = vec![(self.contenders.pilotlight("pilotlight", Precision::F32)?, "/")];
        targets.extend(peers.into_iter().map(|recipe| (recipe, "/")));
        let (body, seconds) = (json!({"inputs": TEXT}).to_string(), self.lab.seconds(10));
        let load = ["load", "--concurrency", "1,4", "--rounds", "2", "--duration", &seconds];
        let run =
            self.lab.compare("host-wasmtime", &targets, &[&load[..], &["--body", &body]].concat());
        run.map(Some)
    }

    fn load(&self, name: &str, targets: &[(Recipe, &str)], steps: &str) -> anyhow::Result<Run> {
        let (bodies, seconds) = (self.bodies(), self.lab.seconds(30));
        let rounds = if self.lab.is_quick() { "1" } else { "2" };
        let load = ["load", "--concurrency", steps, "--rounds", rounds, "--duration", &seconds];
        self.lab.compare(name, targets, &[&load[..], &["--corpus", &bodies]].concat())
    }

    /// Goal 6: texts a second, ours beside the direct call in its best setting.
    fn saturated(
        &self,
        precision: Precision,
        setting: Setting,
        connections: u64,
    ) -> anyhow::Result<Pairs> {
        let recipe = self.contenders.pilotlight("pilotlight", precision)?;
        let _service = recipe.start()?;
        let target = recipe.url("/");
        let (bodies, workers, seconds) =
            (self.bodies(), connections.to_string(), self.lab.seconds(15));
        let load = ["--concurrency", &workers, "--duration", &seconds, "--corpus", &bodies];
        let graph = self.contenders.files.graph(precision);
        let mut pairs = Pairs { connections, direct: Vec::new(), ours: Vec::new() };
        for _ in 0..self.rounds() {
            pairs.direct.push(self.direct.run(&graph, self.corpus, setting)?.per_second);
            let report =
                self.lab.ask("saturated", &[&["--target", &target], &load[..]].concat())?;
            pairs.ours.push(number(&report["targets"][0]["summary"]["requests_per_second"]));
        }
        Ok(pairs)
    }

    /// Goal 8: the median of one text after the other, in milliseconds.
    pub(super) fn latency(&self) -> anyhow::Result<Pairs> {
        let recipe = self.contenders.pilotlight("pilotlight", Precision::F32)?;
        let _service = recipe.start()?;
        let target = recipe.url("/");
        let body = json!({"inputs": TEXT}).to_string();
        let seconds = self.lab.seconds(8);
        let arguments = ["--target", &target, "--duration", &seconds, "--body", &body];
        let graph = self.contenders.files.graph(Precision::F32);
        let mut pairs = Pairs { connections: 1, direct: Vec::new(), ours: Vec::new() };
        for _ in 0..self.rounds() {
            let p50 = |threads| {
                let setting = Setting { callers: 1, threads, batch: 1 };
                anyhow::Ok(self.direct.run(&graph, self.single, setting)?.p50)
            };
            pairs.direct.push(p50(1)?.min(p50(cores())?));
            let report = self.lab.ask("latency", &arguments)?;
            pairs.ours.push(number(&report["targets"][0]["summary"]["p50_ms"]));
        }
        Ok(pairs)
    }

    pub(super) fn batching(&self) -> anyhow::Result<Run> {
        BUCKETS.iter().try_for_each(|bucket| self.contenders.build_padding(bucket))?;
        let pilotlight = |setting| Ok((self.contenders.batching(setting)?, "/"));
        let targets = BATCHING.iter().map(pilotlight).collect::<anyhow::Result<Vec<_>>>()?;
        let (bodies, seconds) = (self.bodies(), self.lab.seconds(20));
        let rounds = if self.lab.is_quick() { "1" } else { "5" };
        let load = ["--concurrency", CONNECTIONS, "--rounds", rounds, "--duration", &seconds];
        self.lab.compare("host-batching", &targets, &[&load[..], &["--corpus", &bodies]].concat())
    }

    /// `/health` at a fixed rate while all cores compute: idle, then under load.
    pub(super) fn health(&self) -> anyhow::Result<[Value; 2]> {
        let recipe = self.contenders.pilotlight("pilotlight", Precision::F32)?;
        let _service = recipe.start()?;
        let health = recipe.admin_url("/health").unwrap_or_default();
        let ask = |name: &str| {
            let seconds = self.lab.seconds(20);
            let rate = ["--rate", "100", "--target", &health, "--duration", &seconds];
            let report = self.lab.ask(name, &rate)?;
            anyhow::Ok(report["targets"][0].clone())
        };
        let idle = ask("health-idle")?;
        let (bodies, target) = (self.bodies(), recipe.url("/"));
        // It begins earlier and ends later than what is measured.
        let seconds = if self.lab.is_quick() { "8s" } else { "30s" };
        let load = ["--concurrency", CONNECTIONS, "--duration", seconds, "--corpus", &bodies];
        let busy = std::thread::scope(|scope| {
            let arguments = [&["--target", &target], &load[..]].concat();
            let load = scope.spawn(move || self.lab.ask("health-load", &arguments));
            std::thread::sleep(std::time::Duration::from_secs(3));
            let busy = ask("health-busy");
            let load = load.join().map_err(|_| anyhow::anyhow!("the load ended in a panic"));
            load?.and(busy)
        })?;
        Ok([idle, busy])
    }

    /// Goal 14: labels of the golden texts through HTTP.
    fn agreement(&self, precision: Precision) -> anyhow::Result<(usize, usize)> {
        let service = self.contenders.pilotlight("pilotlight", precision)?.start()?;
        agreement::of(service.recipe.port)
    }
}

/// The number of connections with the most answers a second.
fn most(target: &Value) -> u64 {
    let steps = target["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let throughput = |step: &&Value| number(&step["summary"]["requests_per_second"]);
    let best = steps.iter().max_by(|one, two| throughput(one).total_cmp(&throughput(two)));
    best.and_then(connections).unwrap_or(1)
}

/// The connections of a step.
pub(in crate::compare) fn connections(step: &Value) -> Option<u64> {
    step["load"].as_object()?.values().find_map(Value::as_u64)
}
