//! Where the time of a request went, for metrics and for the `server-timing` header.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use pilotlight_sandbox::{Origin, Timings};
use pilotlight_telemetry::Stages;
use pilotlight_wire::GuestTimings;

/// The stages for metrics, of a request that `waited` in the queue before it came to the pool.
pub(super) fn stages(timings: &Timings, waited: Duration) -> Stages {
    let inline = (timings.origin == Origin::Inline).then_some(timings.instantiate);
    let wait = timings.wait.saturating_sub(inline.unwrap_or_default());
    Stages {
        queue: Some(waited + wait),
        instantiate: inline,
        guest: Some(timings.guest),
        ..Stages::default()
    }
}

/// Adds what our guests tell; nothing of what took no time, which was not done.
pub(super) fn of_guest(headers: &HeaderMap, stages: &mut Stages) {
    let told = GuestTimings::read(|name| headers.get(name)?.to_str().ok());
    stages.compute = told.inference.filter(|time| !time.is_zero());
    // A guest's clock is coarse: what was computed was tokenized, even if that took no time.
    let done = |time: &Duration| stages.compute.is_some() || !time.is_zero();
    stages.tokenize = told.tokenization.filter(done);
    stages.decode = told.total.zip(stages.compute).map(|(total, compute)| {
        total.saturating_sub(compute).saturating_sub(stages.tokenize.unwrap_or_default())
    });
}

/// The value of a `server-timing` header (W3C Server Timing), in milliseconds.
pub(super) fn server_timing(timings: &Timings) -> HeaderValue {
    let origin = match timings.origin {
        Origin::Ready => "ready",
        Origin::Inline => "inline",
        Origin::Waited => "waited",
        Origin::Shared => "shared",
    };
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let value = format!(
        "wait;desc={origin};dur={:.4}, instantiate;dur={:.4}, guest;dur={:.4}",
        ms(timings.wait),
        ms(timings.instantiate),
        ms(timings.guest),
    );
    HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
