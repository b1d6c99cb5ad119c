//! What speaks against a canary, and is more than chance.

use std::fmt;
use std::time::Duration;

use crate::route::Canary;
use crate::window::{Window, WindowCounts};

/// So many failures without a success end a canary before there are enough requests to compare.
const HOPELESS: u64 = 10;
/// Standard deviations that a difference has to be beyond what is allowed. It is looked at again
/// and again while requests come in: with two, every tenth canary like its control would go.
const DEVIATIONS: f64 = 3.0;
/// Share of requests that are slower than the p99.
const BEYOND_P99: f64 = 0.01;

/// Reason of a rollback of a canary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// More of its requests failed than may; shares of requests.
    Errors {
        /// The canary's.
        canary: f64,
        /// The control's.
        control: f64,
    },
    /// Its p99 latency is longer than may be.
    Latency {
        /// The canary's.
        canary: Duration,
        /// The control's.
        control: Duration,
    },
    /// All requests of the canary failed.
    Hopeless {
        /// How many.
        failures: u64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors { canary, control } => {
                let (canary, control) = (100.0 * canary, 100.0 * control);
                write!(
                    f,
                    "{canary:.2} % of the canary's requests failed, {control:.2} % of the control's"
                )
            }
            Self::Latency { canary, control } => {
                write!(
                    f,
                    "the p99 latency of the canary is {canary:.1?}, that of the control \
                     {control:.1?}"
                )
            }
            Self::Hopeless { failures } => {
                write!(f, "all of the canary's first {failures} requests failed")
            }
        }
    }
}

pub(crate) fn hopeless(
    plan: &Canary,
    canary: WindowCounts,
    control: WindowCounts,
) -> Option<Reason> {
    let hopeless = canary.failures >= HOPELESS && canary.failures == canary.requests;
    let worse = canary.error_rate() - control.error_rate() > plan.max_error_excess;
    (hopeless && worse).then_some(Reason::Hopeless { failures: canary.failures })
}

/// Two shares are compared with the deviation of their difference as if both were the same.
pub(crate) fn errors(plan: &Canary, canary: WindowCounts, control: WindowCounts) -> Option<Reason> {
    let (requests, controls) = (canary.requests.max(1) as f64, control.requests.max(1) as f64);
    let both = (canary.failures + control.failures) as f64 / (requests + controls);
    let deviation = (both * (1.0 - both) * (1.0 / requests + 1.0 / controls)).sqrt();
    let (canary, control) = (canary.error_rate(), control.error_rate());
    let worse = canary - control > plan.max_error_excess + DEVIATIONS * deviation;
    worse.then_some(Reason::Errors { canary, control })
}

/// A p99 of few requests is as good as their longest: what counts is how many of the canary's
/// are slower than it may be at its p99.
pub(crate) fn latency(plan: &Canary, canary: &Window, control: WindowCounts) -> Option<Reason> {
    let limit = control.p99.as_secs_f64() * plan.max_p99_ratio;
    let limit = Duration::try_from_secs_f64(limit).unwrap_or(Duration::MAX);
    let seen = canary.seen();
    let requests = seen.requests as f64;
    let deviation = (requests * BEYOND_P99 * (1.0 - BEYOND_P99)).sqrt();
    let slow = canary.slower_than(limit) as f64 > requests * BEYOND_P99 + DEVIATIONS * deviation;
    slow.then_some(Reason::Latency { canary: seen.p99, control: control.p99 })
}
