//! Pilotlight beside ONNX Runtime called directly, in alternating rounds.

use serde_json::json;

use super::direct::{Outcome, Setting, cores};
use super::files::Precision;
use super::rounds::{Series, Source, alternate};
use super::scenarios::Scenarios;
use crate::compare::report::{number, throughput};
use crate::compare::runner::TEXT;
use crate::compare::server::ServerSpec;

/// Texts per second at saturation, texts of many lengths.
pub(super) struct Saturation {
    /// Connections to Pilotlight.
    pub(super) connections: u64,
    pub(super) direct_f32: Series,
    pub(super) direct_int8: Series,
    pub(super) default: Series,
    pub(super) f32: Series,
    pub(super) avx2: Series,
}

/// Median latency of one text of 43 tokens in milliseconds.
pub(super) struct Latency {
    /// Direct calls in f32.
    pub(super) one_thread: Series,
    pub(super) all_cores: Series,
    pub(super) default: Series,
    pub(super) f32: Series,
}

impl Scenarios<'_> {
    /// Direct calls in their fastest settings, and as many connections to Pilotlight as saturate it.
    pub(super) fn saturation(
        &self,
        direct: &[Vec<Outcome>; 2],
        connections: u64,
    ) -> anyhow::Result<Saturation> {
        let [default, f32, avx2] =
            [self.servers.default()?, self.servers.native_f32()?, self.servers.avx2()?];
        let _servers = [default.start()?, f32.start()?, avx2.start()?];
        let served = |name, spec| Source {
            name,
            measure: Box::new(move || self.texts_per_second(spec, connections)),
        };
        let called = |name, precision, outcomes: &[Outcome]| {
            let setting = outcomes[0].setting;
            let run = move || self.called(precision, setting).map(|outcome| outcome.per_second);
            Source { name, measure: Box::new(run) }
        };
        let [direct_f32, direct_int8, default, f32, avx2] = alternate(
            self.rounds(),
            [
                called("direct calls, f32", Precision::F32, &direct[0]),
                called("direct calls, int8", Precision::Int8, &direct[1]),
                served("pilotlight", &default),
                served("pilotlight, f32", &f32),
                served("pilotlight, AVX2 only", &avx2),
            ],
        )?;
        Ok(Saturation { connections, direct_f32, direct_int8, default, f32, avx2 })
    }

    /// One text after the other.
    pub(super) fn latency(&self) -> anyhow::Result<Latency> {
        let (default, f32) = (self.servers.default()?, self.servers.native_f32()?);
        let _servers = [default.start()?, f32.start()?];
        let served = |name, spec| Source { name, measure: Box::new(move || self.median(spec)) };
        let called =
            |name, threads| Source { name, measure: Box::new(move || self.direct_median(threads)) };
        let [one_thread, all_cores, default, f32] = alternate(
            self.rounds(),
            [
                called("direct calls, f32, one thread", 1),
                called("direct calls, f32, all cores", cores()),
                served("pilotlight", &default),
                served("pilotlight, f32", &f32),
            ],
        )?;
        Ok(Latency { one_thread, all_cores, default, f32 })
    }

    fn called(&self, precision: Precision, setting: Setting) -> anyhow::Result<Outcome> {
        self.direct.run(&self.servers.files.graph(precision), self.corpus, setting)
    }

    fn direct_median(&self, threads: usize) -> anyhow::Result<f64> {
        let setting = Setting { callers: 1, threads, batch: 1 };
        let graph = self.servers.files.graph(Precision::F32);
        let direct = self.direct.lasting(self.runner.direct_seconds(3));
        Ok(direct.run(&graph, self.single, setting)?.p50)
    }

    fn texts_per_second(&self, spec: &ServerSpec, connections: u64) -> anyhow::Result<f64> {
        let (target, workers) = (spec.url("/"), connections.to_string());
        let (bodies, seconds) = (self.bodies(), self.runner.seconds(5));
        let load = ["--concurrency", &workers, "--duration", &seconds, "--warm-up", "1s"];
        let to = ["--target", &target, "--corpus", &bodies];
        let report = self.runner.bench("saturation", &[&to[..], &load].concat())?;
        Ok(throughput(&report["targets"][0]["summary"], connections))
    }

    fn median(&self, spec: &ServerSpec) -> anyhow::Result<f64> {
        let (target, body) = (spec.url("/"), json!({"inputs": TEXT}).to_string());
        let seconds = self.runner.seconds(3);
        let load = ["--duration", &seconds, "--warm-up", "500ms", "--body", &body];
        let report = self.runner.bench("latency", &[&["--target", &target], &load[..]].concat())?;
        Ok(number(&report["targets"][0]["summary"]["p50_ms"]))
    }
}
