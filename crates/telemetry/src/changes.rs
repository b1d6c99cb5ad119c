//! How often versions changed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::catalog;
use crate::family::{Description, Family, Series, Value, labels};

/// Outcome of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Swap {
    /// The new version has taken over.
    TakenOver,
    /// The new version could not be loaded, or failed its smoke test; the old one keeps serving.
    Refused,
}

/// Cause of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rollback {
    /// An operator.
    Operator,
    /// The canary's bounds.
    Canary,
}

/// Swaps and rollbacks by function.
#[derive(Debug, Default)]
pub(crate) struct Changes(Mutex<BTreeMap<String, Counts>>);

#[derive(Debug, Default)]
struct Counts {
    taken_over: u64,
    refused: u64,
    by_operator: u64,
    by_canary: u64,
}

impl Changes {
    pub(crate) fn swapped(&self, function: &str, swap: Swap) {
        self.of(function, |counts| match swap {
            Swap::TakenOver => counts.taken_over += 1,
            Swap::Refused => counts.refused += 1,
        });
    }

    pub(crate) fn rolled_back(&self, function: &str, rollback: Rollback) {
        self.of(function, |counts| match rollback {
            Rollback::Operator => counts.by_operator += 1,
            Rollback::Canary => counts.by_canary += 1,
        });
    }

    /// Shows a function's zeros before there is anything to count.
    pub(crate) fn expect(&self, function: &str) {
        self.of(function, |_| ());
    }

    fn of(&self, function: &str, count: impl FnOnce(&mut Counts)) {
        count(self.lock().entry(function.to_owned()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn families(&self, since: SystemTime) -> Vec<Family> {
        let all = self.lock();
        let family = |about: &'static Description, key, counts: fn(&Counts) -> [(&str, u64); 2]| {
            let series = all.iter().flat_map(|(function, one)| {
                counts(one).map(|(outcome, count)| Series {
                    labels: labels([("function", function), (key, outcome)]),
                    since,
                    value: Value::Whole(count),
                })
            });
            Family::new(about, series.collect())
        };
        vec![
            family(&catalog::SWAPS, "outcome", |one| {
                [("taken_over", one.taken_over), ("refused", one.refused)]
            }),
            family(&catalog::ROLLBACKS, "cause", |one| {
                [("operator", one.by_operator), ("canary", one.by_canary)]
            }),
        ]
    }
}
