use std::fmt::{Result, Write as _};

use super::time;
use crate::compare::markdown::{table_head, table_row};
use crate::compare::scaling::Results;
use crate::compare::scaling::fleets::{
    BURST, BURST_RATIO, DAY, DAY_RATIO, DAY_STABILIZATION, FROM_ZERO, Fixed, INTERVAL, PEAK,
    SELDOM, SLOW, STABILIZATION, Scaled, Start, TARGET, TIMEOUT,
};

const SECONDS_OF_A_DAY: f64 = 86_400.0;

pub(super) fn write(page: &mut String, results: &Results) -> Result {
    let fleets = &results.fleets;
    model(page, results)?;
    starts(page, &fleets.starts)?;
    fixed(page, &fleets.fixed)?;
    writeln!(
        page,
        "\n### From zero\n\nAn empty fleet gets, at once and for {FROM_ZERO:.0} s, the load of {:.0} % of the capacity of all nodes.",
        PEAK * 100.0
    )?;
    scaled(page, &fleets.from_zero)?;
    let [from, to, _] = BURST;
    writeln!(
        page,
        "\n### Burst\n\nThe load rises to {BURST_RATIO:.0} times its rate after {from:.0} s, from one second to the next, and falls back after \
         {to:.0} s. The fleet has the nodes for the low rate at the beginning."
    )?;
    scaled(page, &fleets.bursts)?;
    writeln!(
        page,
        "\n### Day and night\n\nThe rate follows a sine whose highest value is {DAY_RATIO:.0} times its lowest. The day is compressed to \
         {DAY:.0} s, so the load changes {:.0} times as fast as in a real one, and nodes are stopped after {DAY_STABILIZATION:.0} s instead of \
         {STABILIZATION:.0}. A fleet of constant size would need all nodes all day. 10,000 nodes are left out, \
         because their day has too many requests to simulate.",
        SECONDS_OF_A_DAY / DAY
    )?;
    scaled(page, &fleets.days)?;
    seldom(page, results)
}

fn model(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## Fleets\n\nA discrete-event simulation (`benchmarks/src/fleet`) of nodes like the measured one: {} cores, service times as in \
         [One node](#one-node), one queue in each node for as many requests as it answers in a second. A balancer sends each request to \
         the less loaded of two random nodes (\"power of two choices\": Michael Mitzenmacher, IEEE Transactions on Parallel and \
         Distributed Systems, 2001). An autoscaler with the rules and defaults of Knative's counts the requests in the fleet: every \
         {INTERVAL:.0} s it starts nodes until there are {TARGET} per core, or at once if there are no nodes; it stops nodes if fewer were \
         enough for {STABILIZATION:.0} s. Requests that find no node wait at the balancer. Clients give up after {TIMEOUT:.0} s.

The simulation leaves out the network, failures, slow nodes, the time to obtain a machine or a container, and the download of the component.
Random numbers have fixed seeds: the same measurements give the same fleets.",
        results.node.cores
    )
}

fn starts(page: &mut String, starts: &[Start]) -> Result {
    writeln!(
        page,
        "\nThe fleets differ only in the start of a node. *Warm cache* and *empty cache* are the starts of `pilotlight serve` [above](#costs), \
         on a machine that runs already. The others are published times for whole platforms, with other functions on other machines; they \
         include the start of a virtual machine or a container, which Pilotlight in a container needs, too. They show what a start of this \
         length costs a fleet, not which platform is better."
    )?;
    table_head(page, &["start", "p50", "p99", "source"])?;
    for Start { name, times, source } in starts {
        let source = source.unwrap_or("measured");
        let [p50, p99] = [0.5, 0.99].map(|share| time(times.quantile(share)));
        table_row(page, &[(*name).to_owned(), p50, p99, source.to_owned()])?;
    }
    Ok(())
}

fn fixed(page: &mut String, fleets: &[Fixed]) -> Result {
    writeln!(
        page,
        "\n### Constant size and load\n\nThe size of a fleet changes how its requests are balanced, not what a node can do."
    )?;
    table_head(
        page,
        &["nodes", "utilization", "requests/s", "answered/s", "p50", "p99", "p99.9", "lost"],
    )?;
    for Fixed { nodes, utilization, rate, outcome } in fleets {
        let quantile = |share: f64| time(outcome.latencies.quantile(share));
        let mut cells = vec![nodes.to_string(), format!("{utilization:.2}"), format!("{rate:.0}")];
        cells.push(format!("{:.0}", outcome.answered as f64 / outcome.seconds));
        cells.extend([0.5, 0.99, 0.999].map(quantile));
        cells.push(share(outcome.lost, outcome.requests));
        table_row(page, &cells)?;
    }
    Ok(())
}

fn scaled(page: &mut String, fleets: &[Scaled]) -> Result {
    let columns =
        ["nodes", "start", "requests", "p50", "p99", "longest", "waited for a start", "lost"];
    let more = ["last slow request", "most nodes", "starts", "mean nodes"];
    table_head(page, &[&columns[..], &more].concat())?;
    for Scaled { nodes, start, outcome } in fleets {
        let quantile = |share: f64| time(outcome.latencies.quantile(share));
        let mut cells = vec![nodes.to_string(), (*start).to_owned(), outcome.requests.to_string()];
        cells.extend([0.5, 0.99].map(quantile));
        cells.push(time(outcome.latencies.longest()));
        cells.push(share(outcome.waited, outcome.requests));
        cells.push(share(outcome.lost, outcome.requests));
        cells.push(format!("{:.1} s", outcome.slow_until));
        cells.extend([outcome.most_nodes.to_string(), outcome.starts.to_string()]);
        cells.push(format!("{:.1}", outcome.node_seconds / outcome.seconds));
        table_row(page, &cells)?;
    }
    writeln!(
        page,
        "\n*last slow request*: the arrival of the last request that took longer than {SLOW:.0} service times, or was lost. *mean nodes*: \
         what the fleet costs, including the starts."
    )
}

fn seldom(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n### A function that is seldom called\n\nOne request every {SELDOM:.0} s on average, at most one node, which is stopped \
         when it has been idle for {STABILIZATION:.0} s. A node that always runs costs 24 hours a day."
    )?;
    let columns = ["start", "requests", "waited for a start", "longest wait", "p50", "p99"];
    table_head(page, &[&columns[..], &["lost", "node hours per day"]].concat())?;
    for Scaled { start, outcome, .. } in &results.fleets.seldom {
        let mut cells = vec![(*start).to_owned(), outcome.requests.to_string()];
        cells.push(share(outcome.waited, outcome.requests));
        cells.push(time(outcome.longest_wait));
        cells.extend([0.5, 0.99].map(|share| time(outcome.latencies.quantile(share))));
        cells.push(share(outcome.lost, outcome.requests));
        cells.push(format!("{:.2}", 24.0 * outcome.node_seconds / outcome.seconds));
        table_row(page, &cells)?;
    }
    let memory = results.costs.server();
    writeln!(
        page,
        "\nOne server can hold such functions instead of a node for each: an idle model costs memory, not cores ([Costs](#costs)), and its \
         requests wait for no start. A server without instances takes {memory:.0} MiB."
    )
}

/// A share in percent.
fn share(part: u64, all: u64) -> String {
    match 100.0 * part as f64 / all.max(1) as f64 {
        percent if percent > 0.0 && percent < 0.01 => "< 0.01 %".to_owned(),
        percent => format!("{percent:.2} %"),
    }
}
