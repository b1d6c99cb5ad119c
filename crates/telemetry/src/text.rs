//! Metrics as text: Prometheus's exposition format 0.0.4, and OpenMetrics 1.0.0.

use std::fmt::Write as _;

use crate::accept::Format;
use crate::family::{Distribution, Family, Kind, Labels, Series, Unit, Value};

/// The label of histograms' buckets.
const UP_TO: &str = "le";

pub(crate) fn render(families: &[Family], format: Format) -> String {
    let mut text = String::new();
    families.iter().for_each(|family| write_family(&mut text, family, format));
    if format == Format::OpenMetrics {
        text += "# EOF\n";
    }
    text
}

fn write_family(to: &mut String, family: &Family, format: Format) {
    let about = family.about;
    // OpenMetrics names a counter without its suffix, Prometheus with it.
    let suffix = if about.kind == Kind::Counter { "_total" } else { "" };
    let head = if format == Format::OpenMetrics { "" } else { suffix };
    let kind = match about.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    // Writing to a `String` does not fail.
    let _ = writeln!(to, "# HELP {}{head} {}", about.name, about.help);
    let _ = writeln!(to, "# TYPE {}{head} {kind}", about.name);
    if format == Format::OpenMetrics
        && let Some(unit) = unit(about.unit)
    {
        let _ = writeln!(to, "# UNIT {} {unit}", about.name);
    }
    for series in &family.series {
        write_series(to, about.name, suffix, series);
    }
}

fn unit(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::None => None,
        Unit::Seconds => Some("seconds"),
        Unit::Bytes => Some("bytes"),
        Unit::Ratio => Some("ratio"),
    }
}

fn write_series(to: &mut String, name: &str, suffix: &str, series: &Series) {
    let mut sample = |suffix: &str, up_to: Option<&str>, value: &dyn std::fmt::Display| {
        let _ = write!(to, "{name}{suffix}");
        write_labels(to, &series.labels, up_to);
        let _ = writeln!(to, " {value}");
    };
    match &series.value {
        Value::Whole(value) => sample(suffix, None, value),
        Value::Real(value) => sample(suffix, None, value),
        Value::Distribution(Distribution { bounds, counts, sum }) => {
            let texts = bounds.iter().map(|bound| bound.text).chain(["+Inf"]);
            let mut below = 0;
            for (text, count) in texts.zip(counts) {
                below += count;
                sample("_bucket", Some(text), &below);
            }
            sample("_sum", None, sum);
            sample("_count", None, &below);
        }
    }
}

fn write_labels(to: &mut String, labels: &Labels, up_to: Option<&str>) {
    let all = labels.iter().map(|(name, value)| (*name, &value[..]));
    let mut separator = '{';
    for (name, value) in all.chain(up_to.map(|value| (UP_TO, value))) {
        let _ = write!(to, "{separator}{name}=\"");
        write_escaped(to, value);
        to.push('"');
        separator = ',';
    }
    if separator == ',' {
        to.push('}');
    }
}

fn write_escaped(to: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => to.push_str("\\\\"),
            '"' => to.push_str("\\\""),
            '\n' => to.push_str("\\n"),
            other => to.push(other),
        }
    }
}
