//! The same numbers as Prometheus gets, as OTLP has them: cumulative, since their series began.

use std::time::SystemTime;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    number_data_point,
};

use super::resource::{attribute, unix_nanoseconds};
use crate::family::{Family, Kind, Series, Unit, Value};

/// The families that have series, at `now`.
pub(super) fn metrics(families: &[Family], now: SystemTime) -> Vec<Metric> {
    let present = families.iter().filter(|family| !family.series.is_empty());
    present.map(|family| metric(family, unix_nanoseconds(now))).collect()
}

fn metric(family: &Family, now: u64) -> Metric {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let points = || family.series.iter().filter_map(|series| number(series, now)).collect();
    let data = match family.about.kind {
        Kind::Gauge => Data::Gauge(Gauge { data_points: points() }),
        Kind::Counter => {
            Data::Sum(Sum { data_points: points(), aggregation_temporality, is_monotonic: true })
        }
        Kind::Histogram => {
            let points = family.series.iter().filter_map(|series| histogram(series, now));
            Data::Histogram(Histogram { data_points: points.collect(), aggregation_temporality })
        }
    };
    Metric {
        name: family.about.name.to_owned(),
        description: family.about.help.to_owned(),
        unit: unit(family.about.unit).to_owned(),
        data: Some(data),
        ..Metric::default()
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

fn number(series: &Series, now: u64) -> Option<NumberDataPoint> {
    let value = match series.value {
        Value::Whole(value) => {
            number_data_point::Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX))
        }
        Value::Real(value) => number_data_point::Value::AsDouble(value),
        Value::Distribution(_) => return None,
    };
    Some(NumberDataPoint {
        start_time_unix_nano: unix_nanoseconds(series.since),
        time_unix_nano: now,
        attributes: attributes(series),
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn histogram(series: &Series, now: u64) -> Option<HistogramDataPoint> {
    let Value::Distribution(distribution) = &series.value else { return None };
    Some(HistogramDataPoint {
        start_time_unix_nano: unix_nanoseconds(series.since),
        time_unix_nano: now,
        count: distribution.counts.iter().sum(),
        sum: Some(distribution.sum),
        bucket_counts: distribution.counts.clone(),
        explicit_bounds: distribution.bounds.iter().map(|bound| bound.value).collect(),
        attributes: attributes(series),
        ..HistogramDataPoint::default()
    })
}
