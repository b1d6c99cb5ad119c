use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::bootstrap::Units;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::histogram::Latencies;
use crate::load::{Load, Verb};
use crate::open_loop::Rate;
use crate::progress::{Progress, Step};
use crate::report::{Comparison, Report, SeriesPoint, TargetReport};
use crate::request::Requests;
use crate::round::{Round, Window};
use crate::scenario::Scenario;
use crate::server_timing::PartTimes;
use crate::session::Session;
use crate::tally::Tally;
use crate::target::Target;
use crate::{closed_loop, machine, open_loop, report};

/// Fewer rounds are too few to resample; blocks of the rounds are resampled instead.
const ROUNDS_TO_RESAMPLE: u32 = 3;
const BLOCKS: u32 = 20;

/// Between starting the pacer and the first request.
const LEAD_IN: Duration = Duration::from_millis(5);

/// A target that is reachable, and its results so far.
struct Reached {
    address: SocketAddr,
    requests: Arc<Requests>,
    rounds: Vec<Round>,
}

/// Measures the targets in turn, in rounds whose order alternates.
pub fn measure(scenario: &Scenario, progress: Progress<'_>) -> Result<Report> {
    scenario.check()?;
    let reached = scenario.targets.iter().map(|target| reach(scenario, target));
    let mut reached: Vec<Reached> = reached.collect::<Result<_>>()?;
    let total = reached.len() * scenario.rounds as usize;
    for number in 0..scenario.rounds {
        for turn in 0..reached.len() {
            let index = if number % 2 == 0 { turn } else { reached.len() - 1 - turn };
            progress(&Step {
                done: number as usize * reached.len() + turn,
                total,
                doing: scenario.targets[index].name.clone(),
            });
            let round = run(scenario, &reached[index], number)?;
            reached[index].rounds.push(round);
        }
    }
    Ok(Report {
        verb: scenario.verb,
        pilotlight_bench: report::VERSION.to_owned(),
        machine: machine::describe(),
        scenario: scenario.record(),
        targets: target_reports(scenario, &reached)?,
        ratios: ratios(scenario, &reached),
    })
}

fn reach(scenario: &Scenario, target: &Target) -> Result<Reached> {
    let address = target.url.reach(scenario.timeout).map_err(|source| Error::Unreachable {
        name: target.name.clone(),
        url: target.url.to_string(),
        source,
    })?;
    let requests = Requests::new(&scenario.request, &target.url, scenario.protocol)?;
    Ok(Reached { address, requests: Arc::new(requests), rounds: Vec::new() })
}

fn run(scenario: &Scenario, target: &Reached, number: u32) -> Result<Round> {
    let length = scenario.duration / scenario.rounds;
    let window = Window {
        warm_up: if number == 0 { scenario.warm_up } else { scenario.warm_up / 10 },
        length,
        blocks: match scenario.rounds {
            rounds if rounds < ROUNDS_TO_RESAMPLE => (BLOCKS / rounds) as usize,
            _ => 1,
        },
        series_from: (scenario.verb == Verb::Cold).then(|| length * number),
    };
    let connections = match scenario.load {
        Load::Open { .. } => scenario.connections,
        Load::Closed { concurrency } => concurrency,
    };
    let runtime = runtime(scenario.load).map_err(Error::system("start the runtime"))?;
    let begins = match scenario.load {
        Load::Open { .. } => Instant::now() + LEAD_IN,
        Load::Closed { .. } => Instant::now(),
    };
    let session = Arc::new(Session {
        client: Client::new(target.address, scenario.protocol, connections),
        requests: Arc::clone(&target.requests),
        timeout: scenario.timeout,
        round: Mutex::new(Round::new(window, begins)?),
    });
    match scenario.load {
        Load::Open { rate, arrivals } => {
            let seed = scenario.seed.wrapping_add(u64::from(number));
            let rate = Rate { per_second: rate, arrivals, seed };
            runtime.block_on(open_loop::run(&session, rate, window, begins))?;
        }
        Load::Closed { concurrency } => runtime.block_on(closed_loop::run(&session, concurrency)),
    }
    drop(runtime);
    let finished = Round::new(window, begins)?;
    Ok(std::mem::replace(&mut *session.round(), finished))
}

/// A single worker and an open loop stay on the calling thread: handing work between threads costs
/// more than it gains there. Otherwise half of the cores are left to the server.
fn runtime(load: Load) -> std::io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = match load {
        Load::Open { .. } => 1,
        Load::Closed { concurrency } => concurrency.min(cores / 2),
    };
    let mut builder = match threads {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads.max(1)).enable_all().build()
}

fn target_reports(scenario: &Scenario, reached: &[Reached]) -> Result<Vec<TargetReport>> {
    let named = scenario.targets.iter().zip(reached);
    named
        .map(|(target, Reached { rounds, .. })| {
            let mut whole = Tally::new()?;
            let mut parts = PartTimes::new()?;
            let mut lateness = Latencies::new()?;
            let mut summaries = Vec::with_capacity(rounds.len());
            for round in rounds {
                let tally = round.tally()?;
                summaries.push(tally.summary(round.seconds()));
                whole.merge(&tally);
                parts.merge(&round.parts);
                lateness.merge(&round.lateness);
            }
            Ok(TargetReport {
                name: target.name.clone(),
                url: target.url.to_string(),
                summary: whole.summary(rounds.iter().map(Round::seconds).sum()),
                rounds: summaries,
                parts: parts.report(),
                series: series(rounds),
                pacing: (lateness.len() > 0).then(|| (&lateness).into()),
                percentiles: whole.latencies.percentiles(),
                histogram: whole.latencies.bins(),
            })
        })
        .collect()
}

/// A second that two rounds share is merged.
fn series(rounds: &[Round]) -> Vec<SeriesPoint> {
    let mut seconds: Vec<(u64, Tally)> = Vec::new();
    for round in rounds {
        for (second, tally) in (round.series.0..).zip(&round.series.1) {
            match seconds.last_mut() {
                Some((last, shared)) if *last == second => shared.merge(tally),
                _ => seconds.push((second, tally.clone())),
            }
        }
    }
    seconds.iter().map(|(second, tally)| tally.point(*second)).collect()
}

fn ratios(scenario: &Scenario, reached: &[Reached]) -> Vec<Comparison> {
    let by_round = scenario.rounds >= ROUNDS_TO_RESAMPLE;
    let named = scenario.targets.iter().zip(reached);
    let units: Vec<Units<'_>> = named
        .map(|(target, reached)| Units::new(&target.name, &reached.rounds, by_round))
        .collect();
    let Some((base, others)) = units.split_first() else { return Vec::new() };
    others.iter().map(|other| other.compare(base, scenario.seed)).collect()
}
