//! Short texts beside long ones.

use serde_json::Value;

use super::files::Texts;
use super::rounds::Series;
use super::scenarios::Scenarios;
use crate::compare::report::number;
use crate::compare::server::ServerSpec;

pub(super) const SHORT_TOKENS: usize = 8;
pub(super) const LONG_TOKENS: usize = 400;
/// Short texts per second, at constant intervals.
pub(super) const RATE: &str = "20";

/// Latencies in milliseconds, one value for each round.
pub(super) struct Fairness {
    pub(super) short: [Compared; 2],
    pub(super) long: Compared,
}

/// A latency by itself and beside the other texts.
pub(super) struct Compared {
    pub(super) alone: Series,
    pub(super) beside: Series,
}

/// Reports of each round.
#[derive(Default)]
struct Reports {
    short: [Vec<Value>; 2],
    long: [Vec<Value>; 2],
}

impl Scenarios<'_> {
    /// Short texts at a constant rate and, on another connection, one long text after the other: each
    /// by themselves, and together.
    pub(super) fn fairness(&self) -> anyhow::Result<Fairness> {
        let files = &self.servers.files;
        let short = files.of_length(SHORT_TOKENS, &self.servers.python)?;
        let long = files.of_length(LONG_TOKENS, &self.servers.python)?;
        let spec = self.servers.default()?;
        let _server = spec.start()?;
        let short = |seconds| self.texts(&spec, &short, seconds, &["--rate", RATE]);
        let long = |seconds| self.texts(&spec, &long, seconds, &["--concurrency", "1"]);
        let mut reports = Reports::default();
        let rounds = if self.runner.is_quick() { 1 } else { 3 };
        for _ in 0..rounds {
            reports.short[0].push(short(6)?);
            reports.long[0].push(long(4)?);
            let (beside, of_long) = std::thread::scope(|scope| {
                let of_long = scope.spawn(|| long(8));
                let beside = short(8);
                let of_long = of_long.join();
                (beside, of_long.map_err(|_| anyhow::anyhow!("the load generator panicked")))
            });
            reports.short[1].push(beside?);
            reports.long[1].push(of_long??);
        }
        Ok(reports.compared())
    }

    /// One kind of texts. Those of both kinds that start together also end together.
    fn texts(
        &self,
        spec: &ServerSpec,
        texts: &Texts,
        seconds: u32,
        load: &[&str],
    ) -> anyhow::Result<Value> {
        let name = texts.bodies.file_stem().unwrap_or_default().to_string_lossy();
        let (target, bodies) = (spec.url("/"), texts.bodies.display().to_string());
        let seconds = self.runner.seconds(seconds);
        let time = ["--warm-up", "1s", "--duration", &seconds];
        let to = ["--target", &*target, "--corpus", &*bodies];
        let report =
            self.runner.bench(&format!("fairness-{name}"), &[&to[..], &time, load].concat())?;
        Ok(report["targets"][0]["summary"].clone())
    }
}

impl Reports {
    fn compared(&self) -> Fairness {
        let series = |name, reports: &[Value], key: &str| {
            Series::of(name, reports.iter().map(|summary| number(&summary[key])).collect())
        };
        let compared = |name: [&'static str; 2], reports: &[Vec<Value>; 2], key| Compared {
            alone: series(name[0], &reports[0], key),
            beside: series(name[1], &reports[1], key),
        };
        Fairness {
            short: [
                compared(
                    ["short texts, p50, idle server", "short texts, p50, beside long ones"],
                    &self.short,
                    "p50_ms",
                ),
                compared(
                    ["short texts, p99, idle server", "short texts, p99, beside long ones"],
                    &self.short,
                    "p99_ms",
                ),
            ],
            long: compared(
                ["long texts, mean, alone", "long texts, mean, beside short ones"],
                &self.long,
                "mean_ms",
            ),
        }
    }
}
