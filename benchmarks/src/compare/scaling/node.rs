use std::fs;

use anyhow::Context as _;
use pilotlight_bench::report::{LoadReport, LoadTarget, Summary};
use pilotlight_bench::{Load as BenchLoad, Report, plot};

use super::servers::Servers;
use super::{body, cores};
use crate::compare::runner::Runner;
use crate::fleet::{Scenario, Times, simulate};
use crate::queueing::Station;

/// Shares of the capacity at which response times are measured.
const UTILIZATIONS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98];
/// Connections per core of the closed loop that saturates the server.
const SATURATION: usize = 4;
/// Seconds before each measurement, at the same load.
const WARM_UP: u32 = 5;
/// Simulated runs of the length of the measured one, which show how far such a run can be from the mean.
pub(super) const REPLICAS: u64 = 40;
/// The name of the plot.
pub(super) const PLOT: &str = "scaling-queueing";

/// Response times of one node.
pub(super) struct Measured {
    pub(super) cores: usize,
    /// Requests per second at saturation.
    pub(super) capacity: f64,
    /// Response times with one request at a time.
    pub(super) alone: Times,
    /// Response times with one request per core.
    pub(super) together: Times,
    /// Open loops at [`UTILIZATIONS`].
    pub(super) open: LoadReport,
    /// The command that repeats them.
    pub(super) command: String,
}

impl Measured {
    /// The time for which a request needs a core if all cores are busy; in the shape of the response times
    /// of one request at a time.
    pub(super) fn service(&self) -> Times {
        self.alone.with_mean(self.cores as f64 / self.capacity)
    }

    pub(super) fn station(&self) -> Station {
        let service = self.service();
        Station {
            cores: self.cores as u32,
            service: service.mean(),
            squared_variation: service.squared_variation(),
        }
    }
}

/// Times in seconds.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub(super) mean: f64,
    pub(super) p99: f64,
}

/// A measurement and what theory predicts.
pub(super) struct Prediction {
    pub(super) utilization: f64,
    pub(super) rate: f64,
    pub(super) failed: u64,
    pub(super) measured: Figures,
    /// 1 / (μ − λ)
    pub(super) fast_core: Figures,
    /// M/M/c
    pub(super) exponential: Figures,
    /// M/G/c: the mean by formula, and all figures of a long simulation.
    pub(super) formula: f64,
    pub(super) general: Figures,
    /// The 5th and 95th percentile of simulated runs that are as long as the measured one.
    pub(super) spread: [Figures; 2],
}

pub(super) fn measure(runner: &Runner, servers: &Servers) -> anyhow::Result<Measured> {
    let cores = cores()?;
    // One request per core, first come, first served, and a queue that refuses nothing.
    let concurrent = cores.to_string();
    let first_come = ["--concurrent-requests", &*concurrent];
    let queue = ["--queue", "4096", "--queue-deadline", "60"];
    let spec = servers.with(&[&first_come[..], &queue].concat())?;
    let _server = spec.start()?;
    let target = format!("pilotlight={}", spec.url("/"));
    let send = |connections: usize| closed(runner, &target, connections);
    let (alone, together, saturated) = (send(1)?, send(cores)?, send(SATURATION * cores)?);
    let capacity = saturated.targets.first().map(|target| target.summary.requests_per_second);
    let capacity = capacity.filter(|rate| *rate > 0.0).context("the server answered nothing")?;
    let rates = UTILIZATIONS.map(|share| format!("{:.2}", share * capacity)).join(",");
    let (body, seconds, warm_up) = (body(), runner.seconds(60), format!("{WARM_UP}s"));
    let load = ["load", "--rates", &*rates, "--arrivals", "poisson", "--rounds", "1"];
    let time = ["--duration", &*seconds, "--warm-up", &*warm_up, "--timeout", "60s"];
    let request = ["--target", &*target, "--body", &*body];
    let arguments = [&load[..], &time, &request].concat();
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    let (command, open) = runner.bench_and_plot(PLOT, &arguments)?;
    Ok(Measured {
        cores,
        capacity,
        alone: times(&alone)?,
        together: times(&together)?,
        open: serde_json::from_value(open).context("the report of `pilotlight bench load`")?,
        command,
    })
}

/// A closed loop; each connection sends its next request when it has its response.
fn closed(runner: &Runner, target: &str, connections: usize) -> anyhow::Result<Report> {
    let (body, seconds, connections) = (body(), runner.seconds(30), connections.to_string());
    let load = ["--target", target, "--body", &*body, "--concurrency", &*connections];
    let time = ["--duration", &*seconds, "--rounds", "1"];
    let report = runner.bench("scaling", &[&load[..], &time].concat())?;
    serde_json::from_value(report).context("the report of `pilotlight bench`")
}

/// The distribution of the response times of the only target.
fn times(report: &Report) -> anyhow::Result<Times> {
    let target = report.targets.first().context("the report has no target")?;
    let points = target.percentiles.iter().map(|(share, ms)| (*share, ms / 1e3));
    Times::from_quantiles(points.collect())
}

pub(super) fn predict(measured: &Measured, runner: &Runner) -> anyhow::Result<Vec<Prediction>> {
    let target = measured.open.targets.first().context("the report has no target")?;
    let steps = UTILIZATIONS.iter().zip(&target.steps);
    steps.map(|(share, step)| prediction(measured, *share, &step.summary, runner)).collect()
}

fn prediction(
    measured: &Measured,
    utilization: f64,
    summary: &Summary,
    runner: &Runner,
) -> anyhow::Result<Prediction> {
    let (rate, station) = (utilization * measured.capacity, measured.station());
    let replicas = (1..=REPLICAS).map(|seed| run(measured, rate, summary.seconds, seed));
    let replicas: Vec<Figures> = replicas.collect::<anyhow::Result<_>>()?;
    let requests = if runner.is_quick() { 20_000.0 } else { 2_000_000.0 };
    Ok(Prediction {
        utilization,
        rate,
        failed: summary.errors.total(),
        measured: Figures { mean: summary.mean_ms / 1e3, p99: summary.p99_ms / 1e3 },
        fast_core: Figures {
            mean: station.mean_of_one_fast_core(rate),
            p99: station.quantile_of_one_fast_core(rate, 0.99),
        },
        exponential: Figures {
            mean: station.mean_of_exponential(rate),
            p99: station.quantile_of_exponential(rate, 0.99),
        },
        formula: station.mean_of_general(rate),
        general: run(measured, rate, requests / rate, 0)?,
        spread: spread(&replicas),
    })
}

/// A simulated run of one node.
fn run(measured: &Measured, rate: f64, seconds: f64, seed: u64) -> anyhow::Result<Figures> {
    let warm_up = f64::from(WARM_UP);
    let station = Scenario::station(measured.cores, measured.service(), rate, warm_up + seconds);
    let outcome = simulate(&Scenario { seed, warm_up, ..station })?;
    Ok(Figures { mean: outcome.latencies.mean(), p99: outcome.latencies.quantile(0.99) })
}

/// The 5th and the 95th percentile of the figures of several runs.
fn spread(runs: &[Figures]) -> [Figures; 2] {
    let sorted = |figure: fn(&Figures) -> f64| {
        let mut figures: Vec<f64> = runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures
    };
    let (means, tails) = (sorted(|run| run.mean), sorted(|run| run.p99));
    let last = runs.len().saturating_sub(1) as f64;
    [0.05, 0.95].map(|share| {
        let at = |figures: &[f64]| {
            figures.get((share * last).round() as usize).copied().unwrap_or(f64::NAN)
        };
        Figures { mean: at(&means), p99: at(&tails) }
    })
}

/// Replaces the plot of the measurement by one with the predictions.
pub(super) fn draw(
    measured: &Measured,
    predictions: &[Prediction],
    runner: &Runner,
) -> anyhow::Result<()> {
    let target = measured.open.targets.first().context("the report has no target")?;
    let cores = measured.cores;
    let with = |name: String, figures: fn(&Prediction) -> Figures| {
        let mut drawn = LoadTarget { name, saturated_at: None, ..target.clone() };
        for (step, prediction) in drawn.steps.iter_mut().zip(predictions) {
            let Figures { mean, p99 } = figures(prediction);
            (step.summary.mean_ms, step.summary.p99_ms) = (mean * 1e3, p99 * 1e3);
            if let BenchLoad::Open { rate, .. } = &mut step.load {
                *rate = prediction.rate;
            }
        }
        drawn
    };
    let targets = vec![
        with("measured".to_owned(), |prediction| prediction.measured),
        with("1/(μ − λ)".to_owned(), |prediction| prediction.fast_core),
        with(format!("M/M/{cores}"), |prediction| prediction.exponential),
        with(format!("M/G/{cores}"), |prediction| prediction.general),
    ];
    let file = runner.plots().join(format!("{PLOT}.svg"));
    let svg = plot::response_times(&LoadReport { targets, ..measured.open.clone() });
    fs::write(&file, svg).with_context(|| file.display().to_string())
}
