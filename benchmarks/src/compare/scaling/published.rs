use crate::fleet::Times;

/// Start times that others published.
pub(super) struct Published {
    pub(super) name: &'static str,
    pub(super) times: Times,
    /// Where the figures were published, and what they are of.
    pub(super) source: &'static str,
}

pub(super) fn published() -> anyhow::Result<[Published; 3]> {
    Ok([
        Published {
            name: "SnapStart",
            times: snap_start()?,
            source: "Vadym Kazulkin, \"AWS SnapStart – Part 17: Impact of the snapshot tiered cache on the cold starts with \
                     Java 21\", DEV Community (AWS Community Builders): a Java function with 1,024 MB that reads from DynamoDB, \
                     49 cold starts after a new version: p50 1,662.70 ms, p75 1,792.05 ms, p90 2,168.88 ms, p99 and maximum \
                     2,340.34 ms. Times below the median are not published; the simulation uses the median for them. Amazon's \
                     documentation has no measurement (\"as low as sub-second startup performance\": \"Improving startup \
                     performance with Lambda SnapStart\", AWS Lambda Developer Guide)",
        },
        Published {
            name: "Knative",
            times: Times::Constant(4.0),
            source: "\"2019 Autoscaling Roadmap\", Knative project (knative/serving, docs/roadmap/scaling-2019.md): \"about 4 \
                     seconds\" without the Istio mesh",
        },
        Published {
            name: "Knative with Istio",
            times: Times::from_quantiles(vec![(0.0, 10.0), (1.0, 15.0)])?,
            source: "the same document: \"between 10 and 15 seconds\"; the simulation draws from all times between them",
        },
    ])
}

/// Seconds of the cold starts by their quantiles.
fn snap_start() -> anyhow::Result<Times> {
    Times::from_quantiles(vec![
        (0.0, 1.6627),
        (0.5, 1.6627),
        (0.75, 1.79205),
        (0.9, 2.16888),
        (0.99, 2.34034),
        (1.0, 2.34034),
    ])
}
