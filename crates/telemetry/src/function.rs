//! What is counted for each version of a function.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::SystemTime;

use http::StatusCode;

use crate::catalog;
use crate::family::{Family, Labels, Series, Value, labels};
use crate::histogram::{Histogram, Total};
use crate::outcome::{ErrorKind, RequestOutcome, Stage};

/// HTTP's codes are 100 to 599 (RFC 9110, 15); whatever else guests answer is counted as `other`.
const LOWEST: u16 = 100;
const CODES: usize = 500;

/// Counts the requests of one version of a function. Cheap to clone; counting takes no lock and
/// allocates nothing. The version's series last as long as one of its handles.
#[derive(Clone)]
pub struct Handle(Arc<Counts>);

/// A request being answered, until it is dropped.
#[must_use = "the request is counted until this is dropped"]
pub struct InFlight(Handle);

pub(crate) struct Counts {
    pub(crate) function: String,
    pub(crate) version: String,
    /// Of its model; empty where that is not known.
    task: String,
    since: SystemTime,
    in_flight: AtomicI64,
    /// In the end, the codes that are none of HTTP's.
    codes: [AtomicU64; CODES + 1],
    errors: [AtomicU64; ErrorKind::ALL.len()],
    unchecked: AtomicU64,
    total: Histogram,
    /// Time of those that were not answered with success.
    failed_ns: AtomicU64,
    /// When the last one was answered.
    last_unix_ms: AtomicU64,
    stages: [Histogram; Stage::ALL.len()],
}

/// Totals of a version's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// When the last one was answered, in milliseconds since 1970; 0 if none was.
    pub last_unix_ms: u64,
    /// Requests that were answered successfully.
    pub succeeded: Total,
    /// The others.
    pub failed: Total,
    /// Waiting for an instance.
    pub queue: Total,
    /// Text to tokens.
    pub tokenization: Total,
    /// Inference.
    pub inference: Total,
    /// Scores to answers.
    pub decoding: Total,
}

impl Handle {
    pub(crate) fn new(function: &str, version: &str, task: &str) -> Self {
        Self(Arc::new(Counts {
            function: function.to_owned(),
            version: version.to_owned(),
            task: task.to_owned(),
            since: SystemTime::now(),
            in_flight: AtomicI64::new(0),
            codes: [const { AtomicU64::new(0) }; CODES + 1],
            errors: [const { AtomicU64::new(0) }; ErrorKind::ALL.len()],
            unchecked: AtomicU64::new(0),
            total: Histogram::default(),
            failed_ns: AtomicU64::new(0),
            last_unix_ms: AtomicU64::new(0),
            stages: Default::default(),
        }))
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.0
    }

    pub(crate) fn of(counts: Arc<Counts>) -> Self {
        Self(counts)
    }

    /// Counts a request that has been answered, or that nobody can answer any more.
    pub fn record(&self, observation: &RequestOutcome) {
        let counts = &*self.0;
        counts.codes[slot(observation.status)].fetch_add(1, Ordering::Relaxed);
        if let Some(kind) = observation.kind {
            counts.errors[kind as usize].fetch_add(1, Ordering::Relaxed);
        }
        counts.total.add(observation.total);
        if !observation.status.is_success() {
            let nanoseconds = u64::try_from(observation.total.as_nanos()).unwrap_or(u64::MAX);
            counts.failed_ns.fetch_add(nanoseconds, Ordering::Relaxed);
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        counts.last_unix_ms.store(now.as_millis() as u64, Ordering::Relaxed);
        for stage in Stage::ALL {
            if let Some(time) = observation.stages.get(stage) {
                counts.stages[stage as usize].add(time);
            }
        }
    }

    /// Counts a request whose texts passed without a check.
    pub fn record_unchecked(&self) {
        self.0.unchecked.fetch_add(1, Ordering::Relaxed);
    }

    /// Current counters.
    pub fn statistics(&self) -> Statistics {
        let counts = &*self.0;
        let stage = |stage: Stage| counts.stages[stage as usize].total();
        let all = counts.total.total();
        let success = slot(StatusCode::OK)..slot(StatusCode::MULTIPLE_CHOICES);
        let count: u64 = counts.codes[success].iter().map(|n| n.load(Ordering::Relaxed)).sum();
        let failed = Total {
            count: all.count.saturating_sub(count),
            ns: counts.failed_ns.load(Ordering::Relaxed),
        };
        Statistics {
            last_unix_ms: counts.last_unix_ms.load(Ordering::Relaxed),
            succeeded: Total { count, ns: all.ns.saturating_sub(failed.ns) },
            failed,
            queue: stage(Stage::Queue),
            tokenization: stage(Stage::Tokenize),
            inference: stage(Stage::Compute),
            decoding: stage(Stage::Decode),
        }
    }

    /// Counts a request as being answered until the guard is dropped.
    pub fn enter(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}@{})", self.0.function, self.0.version)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn slot(status: StatusCode) -> usize {
    usize::from(status.as_u16() - LOWEST).min(CODES)
}

impl Counts {
    fn labels(&self) -> Labels {
        labels([("function", &self.function), ("version", &self.version), ("task", &self.task)])
    }

    fn series(&self, more: Option<(&'static str, &str)>, value: Value) -> Series {
        let mut labels = self.labels();
        labels.extend(more.map(|(name, value)| (name, value.to_owned())));
        Series { labels, since: self.since, value }
    }

    fn requests(&self) -> Vec<Series> {
        let counts = self.codes.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        let seen = counts.filter(|(_, count)| *count > 0);
        seen.map(|(slot, count)| {
            let code = if slot == CODES {
                "other".to_owned()
            } else {
                (slot + usize::from(LOWEST)).to_string()
            };
            self.series(Some(("code", &code)), Value::Whole(count))
        })
        .collect()
    }

    /// All kinds, those that did not happen too: a rate needs the zero before the one.
    fn errors(&self) -> impl Iterator<Item = Series> {
        ErrorKind::ALL.iter().map(|kind| {
            let count = self.errors[*kind as usize].load(Ordering::Relaxed);
            self.series(Some(("kind", kind.name())), Value::Whole(count))
        })
    }

    /// Those that some request went through: not every guest tells of its own.
    fn stages(&self) -> impl Iterator<Item = Series> {
        Stage::ALL.into_iter().filter_map(|stage| {
            let distribution = self.stages[stage as usize].distribution();
            let any = distribution.counts.iter().any(|count| *count > 0);
            any.then(|| {
                self.series(Some(("stage", stage.name())), Value::Distribution(distribution))
            })
        })
    }

    fn unchecked(&self) -> Series {
        self.series(None, Value::Whole(self.unchecked.load(Ordering::Relaxed)))
    }

    fn total(&self) -> Series {
        self.series(None, Value::Distribution(self.total.distribution()))
    }

    fn in_flight(&self) -> Series {
        self.series(None, Value::Whole(self.requests_in_flight()))
    }

    pub(crate) fn requests_in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed).try_into().unwrap_or(0)
    }
}

/// What all versions that are left have counted.
pub(crate) fn families(all: &[Arc<Counts>]) -> Vec<Family> {
    let each = all.iter();
    vec![
        Family::new(&catalog::REQUESTS, each.clone().flat_map(|one| one.requests()).collect()),
        Family::new(&catalog::ERRORS, each.clone().flat_map(|one| one.errors()).collect()),
        Family::new(&catalog::UNCHECKED, each.clone().map(|one| one.unchecked()).collect()),
        Family::new(&catalog::IN_FLIGHT, each.clone().map(|one| one.in_flight()).collect()),
        Family::new(&catalog::REQUEST_DURATION, each.clone().map(|one| one.total()).collect()),
        Family::new(&catalog::STAGE_DURATION, each.flat_map(|one| one.stages()).collect()),
    ]
}
