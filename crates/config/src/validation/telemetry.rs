//! Validation of telemetry.

use pilotlight_telemetry::OtlpOptions;

use super::finding::{Finding, key};
use crate::types::Otlp;

/// Headers that the exporter would refuse.
pub(super) fn check(otlp: &Otlp, findings: &mut Vec<Finding>) {
    for (name, value) in &otlp.headers {
        if let Err(error) = OtlpOptions::check_header(name, value.text()) {
            findings.push(Finding {
                key: key(&["telemetry", "otlp", "headers", name]),
                because: Vec::new(),
                message: error.to_string(),
            });
        }
    }
}
