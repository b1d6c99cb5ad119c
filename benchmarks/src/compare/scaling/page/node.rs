use std::fmt::{Result, Write as _};

use super::time;
use crate::compare::markdown::{plot, table_head, table_row};
use crate::compare::scaling::Results;
use crate::compare::scaling::node::{Figures, Measured, PLOT, Prediction, REPLICAS};

/// A prediction that is off by less agrees with the measurement.
const AGREEMENT: f64 = 0.1;

pub(super) fn write(page: &mut String, results: &Results) -> Result {
    let Results { node, predictions, .. } = results;
    let (cores, station) = (node.cores, node.station());
    writeln!(
        page,
        "\n## One node\n\nRequests come at random (Poisson), independently of the responses. The server processes one request per core \
         (`--concurrent-requests {cores}`), first come, first served, and its queue refuses none. Rates are shares of μ, the {:.1} requests/s \
         at saturation. The predictions know μ and nothing else of the open loop:

- **1/(μ − λ)**: the mean response time of M/M/1, with all cores as one fast core
- **M/M/{cores}**: {cores} cores and exponential service times; the share of requests that wait is Erlang's C
- **M/G/{cores}**: {cores} cores and the measured distribution of service times, which is that of one request at a time, scaled to the \
         mean at saturation, {cores} / μ = {}. Its squared coefficient of variation is {:.3}. The mean by formula is the wait in M/M/{cores} \
         times (1 + cv²) / 2 (A. M. Lee and P. A. Longton, \"Queueing Processes Associated with Airline Passenger Check-in\", Operational \
         Research Quarterly, 1959; A. O. Allen, \"Probability, Statistics, and Queueing Theory\", Academic Press, 1978, for the form of Allen \
         and Cunneen); the other figures are from a simulation of two million requests, because there is no formula for the p99",
        node.capacity,
        time(station.service),
        station.squared_variation
    )?;
    table(page, node, predictions, "mean", |figures| figures.mean)?;
    table(page, node, predictions, "p99", |figures| figures.p99)?;
    let failed: u64 = predictions.iter().map(|prediction| prediction.failed).sum();
    writeln!(
        page,
        "\n*{REPLICAS} runs* are the 5th and the 95th percentile of {REPLICAS} simulated runs of M/G/{cores} that are as long as the \
         measured one: a measurement within them agrees with the model. {failed} requests failed."
    )?;
    plot(page, "Response times by load", PLOT, &node.command)?;
    reasons(page, node, predictions)
}

fn table(
    page: &mut String,
    node: &Measured,
    predictions: &[Prediction],
    name: &str,
    figure: fn(&Figures) -> f64,
) -> Result {
    let (exponential, general) = (format!("M/M/{}", node.cores), format!("M/G/{}", node.cores));
    let (measured, runs) = (format!("{name}, measured"), format!("{REPLICAS} runs"));
    let formula = format!("{general}, formula");
    let mut columns =
        vec!["utilization", "requests/s", &*measured, "1/(μ − λ)", &*exponential, &*general];
    let is_mean = name == "mean";
    if is_mean {
        columns.push(&formula);
    }
    columns.extend([&*runs, "measured / M/G"]);
    table_head(page, &columns)?;
    for prediction in predictions {
        let Prediction { utilization, rate, measured, general, spread, .. } = prediction;
        let mut cells = vec![format!("{utilization:.2}"), format!("{rate:.1}")];
        let predicted = [measured, &prediction.fast_core, &prediction.exponential, general];
        cells.extend(predicted.map(|figures| time(figure(figures))));
        if is_mean {
            cells.push(time(prediction.formula));
        }
        let [low, high] = spread.each_ref().map(figure);
        cells.push(format!("{} – {}", time(low), time(high)));
        cells.push(format!("{:.2}×", figure(measured) / figure(general)));
        table_row(page, &cells)?;
    }
    Ok(())
}

/// A figure of a load.
type Figure = fn(&Figures) -> f64;
/// What a model predicts for a load.
type Model = fn(&Prediction) -> &Figures;

/// Where measurement and predictions part, and why.
fn reasons(page: &mut String, node: &Measured, predictions: &[Prediction]) -> Result {
    let cores = node.cores;
    writeln!(page, "\n### Where they part, and why\n")?;
    let figures: [(&str, Figure); 2] =
        [("mean", |figures| figures.mean), ("p99", |figures| figures.p99)];
    for (name, figure) in figures {
        let models: [(String, Model); 3] = [
            ("1/(μ − λ)".to_owned(), |prediction| &prediction.fast_core),
            (format!("M/M/{cores}"), |prediction| &prediction.exponential),
            (format!("M/G/{cores}"), |prediction| &prediction.general),
        ];
        for (model, of) in models {
            let ratio =
                |prediction: &Prediction| figure(&prediction.measured) / figure(of(prediction));
            writeln!(page, "- {name}, {model}: {}", agreement(predictions, ratio))?;
        }
    }
    let (alone, full) = (node.alone.mean(), node.station().service);
    let variation = node.station().squared_variation;
    writeln!(
        page,
        "
1. **1/(μ − λ)** has one core that is {cores} times as fast. A request on its own takes the whole service time on one core, not 1/{cores} of
   it, so the formula is too low at small loads by that factor. Near saturation all cores are busy, and the difference vanishes.
2. **M/M/{cores}** has exponential service times. Requests of one length take nearly constant time (cv² = {:.3}), so that
   {:.2} of the wait is left, and the tail is shorter: M/M/{cores} is too high, most in the p99.
3. **M/G/{cores}** has the same service time at every load: that at saturation, {}. A request that is alone takes {}, {:.2} times as long.
   At saturation, requests share caches and memory bandwidth with each other, and cores with the load generator and the pool's workers,
   which create an instance for each request. A response time also contains the transfer, during which no core computes. At small loads
   the model is off by this factor.
4. Near saturation the queue changes slowly: at utilization ρ it takes about S / (1 − ρ)² to forget its length, {} at {:.2}. A measurement
   of this length sees only a few independent queues; *{REPLICAS} runs* shows how far apart such measurements are. If the real μ is one percent
   lower or higher than the measured one, 1 / (1 − ρ) at 0.98 is 1.98 or 0.67 times as large.",
        variation,
        (1.0 + variation) / 2.0,
        time(full),
        time(alone),
        alone / full,
        time(full / (1.0 - last(predictions)).powi(2)),
        last(predictions)
    )
}

/// The highest utilization.
fn last(predictions: &[Prediction]) -> f64 {
    predictions.last().map_or(f64::NAN, |prediction| prediction.utilization)
}

/// The utilizations at which measurement and prediction agree, and the largest differences.
fn agreement(predictions: &[Prediction], ratio: impl Fn(&Prediction) -> f64) -> String {
    let agrees = |prediction: &&Prediction| (ratio(prediction) - 1.0).abs() <= AGREEMENT;
    let within: Vec<String> = predictions
        .iter()
        .filter(agrees)
        .map(|prediction| format!("{:.2}", prediction.utilization))
        .collect();
    let within = match &within[..] {
        [] => "at none of the utilizations".to_owned(),
        some => format!("at {}", some.join(", ")),
    };
    let extreme = |is_beyond: fn(f64, f64) -> bool| {
        let found = predictions
            .iter()
            .reduce(|best, other| if is_beyond(ratio(other), ratio(best)) { other } else { best });
        found.map_or_else(String::new, |prediction| {
            format!("{:.2}× at {:.2}", ratio(prediction), prediction.utilization)
        })
    };
    format!(
        "within {:.0} % {within}; measured / predicted from {} to {}",
        AGREEMENT * 100.0,
        extreme(|other, best| other < best),
        extreme(|other, best| other > best)
    )
}
