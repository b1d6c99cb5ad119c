//! What became of what was to be exported.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::catalog;
use crate::family::{Family, Series, Value, labels};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Spans,
    LogRecords,
    Metrics,
}

/// What became of a span, a log record or a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The collector has it.
    Sent,
    /// Too much waited already.
    QueueFull,
    /// The collector does not want it.
    Refused,
    /// The collector could not be reached in time.
    Unreachable,
}

pub(crate) const SIGNALS: [(Signal, &str); 3] =
    [(Signal::Spans, "spans"), (Signal::LogRecords, "log_records"), (Signal::Metrics, "metrics")];
const FATES: [(Fate, &str); 4] = [
    (Fate::Sent, "sent"),
    (Fate::QueueFull, "queue_full"),
    (Fate::Refused, "refused"),
    (Fate::Unreachable, "unreachable"),
];

#[derive(Debug, Default)]
pub(crate) struct Exported([[AtomicU64; FATES.len()]; SIGNALS.len()]);

impl Exported {
    #[cfg(feature = "otlp")]
    pub(crate) fn add(&self, signal: Signal, fate: Fate, items: u64) {
        self.0[signal as usize][fate as usize].fetch_add(items, Ordering::Relaxed);
    }

    pub(crate) fn family(&self, since: SystemTime) -> Family {
        let series = SIGNALS.iter().flat_map(|(signal, signal_name)| {
            FATES.iter().map(move |(fate, fate_name)| {
                let count = self.0[*signal as usize][*fate as usize].load(Ordering::Relaxed);
                Series {
                    labels: labels([("signal", signal_name), ("outcome", fate_name)]),
                    since,
                    value: Value::Whole(count),
                }
            })
        });
        Family::new(&catalog::EXPORTED, series.collect())
    }
}
