//! What was counted, in no format yet: both texts and OTLP are written from it.

use std::collections::HashSet;
use std::time::SystemTime;

/// A metric: its name without the suffixes that formats add, and what it says.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    None,
    Seconds,
    Bytes,
    Ratio,
}

/// A metric and its series, of which no two have the same labels: one that is there twice would
/// have Prometheus refuse everything.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) about: &'static Description,
    pub(crate) series: Vec<Series>,
}

pub(crate) type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Since when it counts.
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "only OTLP says it"))]
    pub(crate) since: SystemTime,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Whole(u64),
    Real(f64),
    Distribution(Distribution),
}

/// A histogram at one moment.
#[derive(Debug)]
pub(crate) struct Distribution {
    pub(crate) bounds: &'static [Bound],
    /// For each bound how many were up to it and above the one before; in the end, the others.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
}

/// The upper bound of a bucket, and how OpenMetrics spells it.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) text: &'static str,
}

impl Family {
    pub(crate) fn new(about: &'static Description, series: Vec<Series>) -> Self {
        let mut family = Self { about, series };
        let mut seen = HashSet::new();
        family.series.retain(|series| seen.insert(series.labels.clone()));
        family
    }
}

/// Labels without those that are empty, which Prometheus takes for absent.
pub(crate) fn labels<const N: usize>(labels: [(&'static str, &str); N]) -> Labels {
    let present = labels.into_iter().filter(|(_, value)| !value.is_empty());
    present.map(|(name, value)| (name, value.to_owned())).collect()
}
