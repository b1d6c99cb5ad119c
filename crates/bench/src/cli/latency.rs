use clap::Args;

use super::output::Output;
use super::scenario::{ArrivalsOption, ScenarioOptions};
use crate::error::Result;
use crate::measure::measure;
use crate::scenario::{Load, Scenario, Verb};
use crate::{plot, table};

/// The rate of `cold` unless another load is asked for.
const COLD_RATE: f64 = 500.0;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    scenario: ScenarioOptions,
    /// Open loop: requests per second, sent whether or not earlier ones were answered
    #[arg(long, conflicts_with = "concurrency", value_name = "R")]
    rate: Option<f64>,
    /// How the requests of an open loop are spread over time
    #[arg(long, value_enum, default_value = "constant", conflicts_with = "concurrency")]
    arrivals: ArrivalsOption,
    /// Closed loop: workers that each wait for their answer [default: 1 without --rate]
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
