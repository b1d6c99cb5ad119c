use clap::Args;

use super::output::Output;
use super::scenario::{ArrivalsOption, ScenarioOptions};
use crate::error::Result;
use crate::load::{Load, Verb};
use crate::measure::measure;
use crate::scenario::Scenario;
use crate::{plot, table};

/// The default rate of `cold`.
const COLD_RATE: f64 = 500.0;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    scenario: ScenarioOptions,
    /// Open loop: requests per second, independent of the responses
    #[arg(long, conflicts_with = "concurrency", value_name = "R")]
    rate: Option<f64>,
    /// Intervals between the requests of an open loop
    #[arg(long, value_enum, default_value = "constant", conflicts_with = "concurrency")]
    arrivals: ArrivalsOption,
    /// Closed loop: workers that each wait for their response [default: 1 without --rate]
    #[arg(long, value_name = "N")]
    concurrency: Option<usize>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(options: Options, verb: Verb) -> Result<()> {
    options.output.check()?;
    let rate = match options.concurrency {
        None if verb == Verb::Cold => options.rate.or(Some(COLD_RATE)),
        _ => options.rate,
    };
    let load = match rate {
        Some(rate) => Load::Open { rate, arrivals: options.arrivals.into() },
        None => Load::Closed { concurrency: options.concurrency.unwrap_or(1) },
    };
    let scenario = Scenario { verb, load, ..options.scenario.scenario()? };
    let report = measure(&scenario, &options.output.progress())?;
    options.output.show(&report, &table::latency(&report), plot::latency)
}
