use std::fmt::{Result, Write as _};

use super::time;
use crate::compare::markdown::{table_head, table_row};
use crate::compare::scaling::Results;
use crate::compare::scaling::costs::{Costs, MANY, NodeSize, node_sizes};
use crate::compare::scaling::node::Measured;
use crate::compare::server::Usage;

pub(super) fn write(page: &mut String, results: &Results) -> Result {
    let Results { costs, node, .. } = results;
    let [one, many] = &costs.instances;
    writeln!(
        page,
        "\n## Costs\n\nMemory is the proportional share (PSS) of the process. With one instance that has computed it is {:.1} MiB, with \
         {MANY} {:.1} MiB. For a version and a model it is that of the idle server, whose pool has shrunk to four ready instances: before \
         and after a swap, after which the previous version stays ready for a rollback; and with one function and with two that have \
         different models. A model that computes on the host has other costs.",
        one.pss, many.pss
    )?;
    table_head(page, &["one more", "memory", "disk space", "remarks"])?;
    for row in rows(costs) {
        table_row(page, &row)?;
    }
    starts(page, costs)?;
    let per_core = node.capacity / node.cores as f64;
    writeln!(
        page,
        "\n**Requests.** At saturation, the {} cores answer {:.1} requests/s: {per_core:.1} for each core. One request at a time takes {} \
         on average, one on each core at the same time {}.",
        node.cores,
        node.capacity,
        time(node.alone.mean()),
        time(node.together.mean())
    )?;
    nodes(page, costs, node)
}

fn rows(costs: &Costs) -> [[String; 4]; 4] {
    let added = |pair: &[Usage; 2]| pair[1].pss - pair[0].pss;
    let mib = |mebibytes: f64| format!("{mebibytes:.1} MiB");
    let [cache, both] = costs.cache;
    let instance = format!("{:.0} instances in the first GiB", costs.instances_in(1024.0));
    let row = |name: &str, memory: String, disk: String, remarks: &str| {
        [name.to_owned(), memory, disk, remarks.to_owned()]
    };
    let model = mib(costs.component + both - cache);
    [
        row("instance", format!("{:.2} MiB", costs.instance()), "–".to_owned(), &instance),
        row(
            "version",
            mib(added(&costs.versions)),
            model.clone(),
            "the previous version, kept until the next swap",
        ),
        row(
            "model",
            mib(added(&costs.models)),
            model,
            "component and cache; the machine code is shared",
        ),
        row(
            "node",
            mib(costs.server()),
            mib(costs.component + cache),
            "the server with one model, without instances; component and cache",
        ),
    ]
}

fn starts(page: &mut String, costs: &Costs) -> Result {
    writeln!(
        page,
        "\n**Starts.** From `exec` to the first response with status 200. With an empty cache, the component is compiled first."
    )?;
    table_head(page, &["cache", "p50", "min", "max"])?;
    for (name, times) in [("filled", &costs.warm), ("empty", &costs.cold)] {
        let at = |share: f64| time(times.quantile(share));
        table_row(page, &[name.to_owned(), at(0.5), at(0.0), at(1.0)])?;
    }
    Ok(())
}

/// What nodes of other sizes can hold and serve.
fn nodes(page: &mut String, costs: &Costs, node: &Measured) -> Result {
    writeln!(
        page,
        "\n**Nodes, on paper.** Memory divided by that of an instance, and cores times requests per core; larger machines were not \
         measured. A request needs one core, so instances above the number of concurrent requests only wait to be used: cores, not memory, \
         limit a node. Models that are seldom called are limited by memory."
    )?;
    table_head(
        page,
        &["cores", "memory", "instances", "requests/s", "models, each with four ready instances"],
    )?;
    let per_core = node.capacity / node.cores as f64;
    for NodeSize { cores, gib } in node_sizes(node.cores) {
        let model = (costs.models[1].pss - costs.models[0].pss).max(f64::MIN_POSITIVE);
        let mib = gib * 1024.0;
        let cells = [
            cores.to_string(),
            format!("{gib} GiB"),
            format!("{:.0}", costs.instances_in(mib)),
            format!("{:.0}", per_core * cores as f64),
            format!("{:.0}", ((mib - costs.models[0].pss) / model).floor().max(0.0) + 1.0),
        ];
        table_row(page, &cells)?;
    }
    Ok(())
}
