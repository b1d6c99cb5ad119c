//! Measures the time from `exec` of a server to its first response.
//! Used by `cli`. Does not know how results are printed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::bootstrap::ratio_of_medians;
use crate::error::{Error, Result};
use crate::progress::{Progress, Step};
use crate::report::{
    self, Resampled, Start, StartComparison, StartRecord, StartReport, StartTarget,
};
use crate::{machine, pacer};

mod client;
mod once;
mod process;
mod spec;
mod spread;

pub(crate) use spec::read_token;
pub use spec::{FollowUpRequest, StartCommand, read_spec};

use once::Starter;

/// Commands that are started repeatedly, in alternating rounds.
#[derive(Debug, Clone)]
pub struct Starts {
    /// The commands. Ratios are relative to the first.
    pub commands: Vec<StartCommand>,
    /// Measured starts of each command.
    pub starts: u32,
    /// Discarded starts of each command before them, which warm up the caches of the operating system.
    pub discard: u32,
    /// Timeout of the first response.
    pub timeout: Duration,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// Starts each command in alternating rounds.
pub fn starts(options: &Starts, progress: Progress<'_>) -> Result<StartReport> {
    check(options)?;
    pacer::refine_sleep();
    let starter = Starter::new(options.timeout)?;
    let count = options.commands.len();
    let mut measured: Vec<Vec<Start>> = vec![Vec::new(); count];
    let rounds = options.starts.saturating_add(options.discard);
    for round in 0..rounds {
        for turn in 0..count {
            let index = if round % 2 == 0 { turn } else { count - 1 - turn };
            let command = &options.commands[index];
            progress(&Step {
                done: round as usize * count + turn,
                total: rounds as usize * count,
                doing: command.name.clone(),
            });
            let start = starter.start(command)?;
            if round >= options.discard {
                measured[index].push(start);
            }
        }
    }
    Ok(report(options, measured))
}

fn check(options: &Starts) -> Result<()> {
    let refuse = |message: String| Err(Error::Options(message));
    if options.commands.is_empty() {
        return refuse("give a command behind -- or a --spec FILE with at least one".to_owned());
    }
    if options.starts == 0 || options.timeout.is_zero() {
        return refuse("--starts and --timeout must be above 0".to_owned());
    }
    let mut names = BTreeSet::new();
    match options.commands.iter().find(|command| !names.insert(&command.name)) {
        Some(twice) => refuse(format!("two commands are called {}; rename one", twice.name)),
        None => Ok(()),
    }
}

fn report(options: &Starts, measured: Vec<Vec<Start>>) -> StartReport {
    let named = options.commands.iter().zip(measured);
    let targets: Vec<StartTarget> = named
        .map(|(command, starts)| StartTarget {
            name: command.name.clone(),
            command: command.command.clone(),
            url: command.url.to_string(),
            summary: spread::summary(&starts),
            starts,
        })
        .collect();
    let ratios = match targets.split_first() {
        Some((base, others)) => {
            others.iter().map(|other| compare(other, base, options.seed)).collect()
        }
        None => Vec::new(),
    };
    StartReport {
        verb: "start".to_owned(),
        pilotlight_bench: report::VERSION.to_owned(),
        machine: machine::describe(),
        scenario: StartRecord {
            starts: options.starts,
            discarded: options.discard,
            timeout_s: options.timeout.as_secs_f64(),
            seed: options.seed,
        },
        targets,
        ratios,
    }
}

fn compare(of: &StartTarget, to: &StartTarget, seed: u64) -> StartComparison {
    let ratio = |figure: fn(&Start) -> Option<f64>| {
        let values = |target: &StartTarget| target.starts.iter().filter_map(figure).collect();
        let (of, to): (Vec<f64>, Vec<f64>) = (values(of), values(to));
        ratio_of_medians(&of, &to, seed)
    };
    StartComparison {
        of: of.name.clone(),
        to: to.name.clone(),
        resampled: Resampled::Starts,
        total: ratio(|start| Some(start.total_ms)),
        component_load: ratio(|start| start.component_load_ms),
        first_inference: ratio(|start| start.first_inference_ms),
        rss: ratio(|start| start.memory.map(|memory| memory.rss_bytes as f64)),
        pss: ratio(|start| start.memory.map(|memory| memory.pss_bytes as f64)),
    }
}
