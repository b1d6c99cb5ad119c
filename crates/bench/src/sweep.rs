use crate::error::{Error, Result};
use crate::load::Load;
use crate::measure::measure;
use crate::progress::{Progress, Step};
use crate::report::{LoadReport, LoadTarget, Report, StepRatios, StepReport, Summary};
use crate::scenario::Scenario;

/// A closed loop whose throughput rises by less is saturated.
const LEAST_GAIN: f64 = 1.05;
/// An open loop with a smaller share of responses in time is saturated.
const LEAST_SHARE: f64 = 0.95;

/// A scenario repeated over rising loads.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// What is sent at each step; its load is not used.
    pub scenario: Scenario,
    /// The loads, rising.
    pub loads: Vec<Load>,
}

/// Measures all targets at one load after the other.
pub fn sweep(sweep: &Sweep, progress: Progress<'_>) -> Result<LoadReport> {
    let mut reports: Vec<Report> = Vec::with_capacity(sweep.loads.len());
    for (index, load) in sweep.loads.iter().enumerate() {
        let scenario = Scenario { load: *load, ..sweep.scenario.clone() };
        let within = |step: &Step| {
            progress(&Step {
                done: index * step.total + step.done,
                total: sweep.loads.len() * step.total,
                doing: format!("{} at {}", step.doing, load.label()),
            });
        };
        reports.push(measure(&scenario, &within)?);
    }
    let first = reports.first().ok_or_else(|| {
        Error::Options("name the loads with --concurrency 1,2,4 or --rates 100,200".to_owned())
    })?;
    Ok(LoadReport {
        verb: "load".to_owned(),
        pilotlight_bench: first.pilotlight_bench.clone(),
        machine: first.machine.clone(),
        scenario: first.scenario.clone(),
        targets: (0..first.targets.len()).map(|index| target(&reports, index)).collect(),
        ratios: reports
            .iter()
            .map(|report| StepRatios { load: report.scenario.load, ratios: report.ratios.clone() })
            .collect(),
    })
}

fn target(reports: &[Report], index: usize) -> LoadTarget {
    let mut steps: Vec<StepReport> = Vec::with_capacity(reports.len());
    for report in reports {
        let load = report.scenario.load;
        let summary = report.targets[index].summary.clone();
        let saturated = is_saturated(load, &summary, steps.last().map(|step| &step.summary));
        steps.push(StepReport { load, summary, saturated });
    }
    LoadTarget {
        name: reports[0].targets[index].name.clone(),
        url: reports[0].targets[index].url.clone(),
        saturated_at: steps.iter().position(|step| step.saturated),
        steps,
    }
}

fn is_saturated(load: Load, summary: &Summary, before: Option<&Summary>) -> bool {
    match load {
        Load::Closed { .. } => before.is_some_and(|before| {
            summary.requests_per_second < before.requests_per_second * LEAST_GAIN
        }),
        // What was really sent: random arrivals do not meet their rate exactly.
        Load::Open { .. } => {
            summary.requests_per_second * summary.seconds < summary.requests as f64 * LEAST_SHARE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::Arrivals;
    use crate::tally::Tally;

    fn summary(requests: u64, requests_per_second: f64) -> Summary {
        let nothing = Tally::new().unwrap().summary(1.0);
        Summary { requests, requests_per_second, ..nothing }
    }

    #[test]
    fn a_closed_loop_is_saturated_when_throughput_stops_rising() {
        let load = Load::Closed { concurrency: 2 };
        let before = summary(100, 100.0);
        assert!(!is_saturated(load, &before, None));
        assert!(!is_saturated(load, &summary(106, 106.0), Some(&before)));
        assert!(is_saturated(load, &summary(104, 104.0), Some(&before)));
    }

    #[test]
    fn an_open_loop_is_saturated_when_responses_fall_behind() {
        let load = Load::Open { rate: 100.0, arrivals: Arrivals::Constant };
        assert!(!is_saturated(load, &summary(100, 96.0), None));
        assert!(is_saturated(load, &summary(100, 94.0), None));
    }
}
