//! The same numbers as Prometheus gets, as OTLP has them: cumulative, since their series began.

use std::time::SystemTime;

use super::resource::{attribute, unix_nanoseconds};
use super::schema::{
    Data, Gauge, Histogram, HistogramPoint, KeyValue, Metric, Number, NumberValue, Sum, Temporality,
};
use crate::family::{Family, Kind, Series, Unit, Value};

/// The families that have series, at `now`.
pub(super) fn metrics(families: &[Family], now: SystemTime) -> Vec<Metric> {
    let present = families.iter().filter(|family| !family.series.is_empty());
    present.map(|family| metric(family, unix_nanoseconds(now))).collect()
}

fn metric(family: &Family, now: u64) -> Metric {
    let temporality = Temporality::Cumulative.into();
    let numbers = || family.series.iter().filter_map(|series| number(series, now)).collect();
    let data = match family.about.kind {
        Kind::Gauge => Data::Gauge(Gauge { points: numbers() }),
        Kind::Counter => Data::Sum(Sum { points: numbers(), temporality, is_monotonic: true }),
        Kind::Histogram => {
            let points = family.series.iter().filter_map(|series| histogram(series, now));
            Data::Histogram(Histogram { points: points.collect(), temporality })
        }
    };
    Metric {
        name: family.about.name.to_owned(),
        description: family.about.help.to_owned(),
        unit: unit(family.about.unit).to_owned(),
        data: Some(data),
    }
}

/// By the Unified Code for Units of Measure.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::None | Unit::Ratio => "1",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
    }
}

fn attributes(series: &Series) -> Vec<KeyValue> {
    series.labels.iter().map(|(name, value)| attribute(name, &value[..])).collect()
}

fn number(series: &Series, now: u64) -> Option<Number> {
    let value = match series.value {
        Value::Whole(value) => NumberValue::Int(i64::try_from(value).unwrap_or(i64::MAX)),
        Value::Real(value) => NumberValue::Double(value),
        Value::Distribution(_) => return None,
    };
    Some(Number {
        start_time_unix_nano: unix_nanoseconds(series.since),
        time_unix_nano: now,
        attributes: attributes(series),
        value: Some(value),
    })
}

fn histogram(series: &Series, now: u64) -> Option<HistogramPoint> {
    let Value::Distribution(distribution) = &series.value else { return None };
    Some(HistogramPoint {
        start_time_unix_nano: unix_nanoseconds(series.since),
        time_unix_nano: now,
        count: distribution.counts.iter().sum(),
        sum: Some(distribution.sum),
        bucket_counts: distribution.counts.clone(),
        explicit_bounds: distribution.bounds.iter().map(|bound| bound.value).collect(),
        attributes: attributes(series),
    })
}
