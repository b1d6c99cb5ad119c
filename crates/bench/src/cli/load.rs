use clap::Args;

use super::output::Output;
use super::scenario::{ArrivalsOption, ScenarioOptions};
use crate::error::Result;
use crate::load::Load;
use crate::sweep::{Sweep, sweep};
use crate::{plot, table};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    scenario: ScenarioOptions,
    /// Closed loop: numbers of workers, one step each; --duration is that of a step
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_values_t = [1, 2, 4, 8, 16, 32],
        conflicts_with = "rates"
    )]
    concurrency: Vec<usize>,
    /// Open loop: requests per second, one step each
    #[arg(long, value_name = "R,…", value_delimiter = ',')]
    rates: Vec<f64>,
    /// Intervals between the requests of an open loop
    #[arg(long, value_enum, default_value = "constant", requires = "rates")]
    arrivals: ArrivalsOption,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(options: Options) -> Result<()> {
    options.output.check()?;
    let arrivals = options.arrivals.into();
    let loads = if options.rates.is_empty() {
        options.concurrency.iter().map(|&concurrency| Load::Closed { concurrency }).collect()
    } else {
        options.rates.iter().map(|&rate| Load::Open { rate, arrivals }).collect()
    };
    let scenario = options.scenario.scenario()?;
    let report = sweep(&Sweep { scenario, loads }, &options.output.progress())?;
    options.output.show(&report, &table::load(&report), plot::load)
}
