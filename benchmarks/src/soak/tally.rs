//! Counts of everything that was done, and of everything that went wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use serde_json::Value;

/// The number of reasons in the error message.
const LISTED_REASONS: usize = 20;

/// What a part of the test does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Activity {
    /// A request to the model.
    Inference,
    /// A request to the failing function that succeeds in a fresh instance.
    FreshInstance,
    /// A request that makes the function fail.
    Fault,
    /// A swap or a rollback.
    VersionChange,
    /// A change of the configuration file.
    Configuration,
    /// A connection that stalls.
    SlowClient,
}

/// Counts of all activities.
#[derive(Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    done: BTreeMap<Activity, u64>,
    wrong: Vec<String>,
    /// Failures by kind that the server should have counted.
    caused: BTreeMap<String, u64>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an activity, and the reason if its result was wrong.
    pub(super) fn count(&self, activity: Activity, check: impl FnOnce() -> Result<(), String>) {
        let result = check();
        let mut counts = self.lock();
        *counts.done.entry(activity).or_default() += 1;
        if let Err(reason) = result {
            counts.wrong.push(format!("{activity:?}: {reason}"));
        }
    }

    /// Counts a failure that the server should have counted, too. An empty `kind` is not counted.
    pub(super) fn caused(&self, kind: &str) {
        if !kind.is_empty() {
            *self.lock().caused.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// The number of times that each activity was done.
    pub(super) fn done(&self) -> BTreeMap<Activity, u64> {
        self.lock().done.clone()
    }

    /// The reasons of wrong results.
    pub(super) fn wrong(&self) -> Vec<String> {
        self.lock().wrong.clone()
    }

    /// The numbers of caused and of counted failures by kind. `function` is the status of the
    /// failing function.
    pub(super) fn failures(&self, function: &Value) -> BTreeMap<String, [u64; 2]> {
        let mut failures = BTreeMap::<String, [u64; 2]>::new();
        for (kind, caused) in &self.lock().caused {
            failures.entry(kind.clone()).or_default()[0] = *caused;
        }
        for (kind, counted) in function["current"]["failures"].as_object().into_iter().flatten() {
            let counted = counted.as_u64().unwrap_or(0);
            if counted > 0 || failures.contains_key(kind) {
                failures.entry(kind.clone()).or_default()[1] = counted;
            }
        }
        failures
    }

    /// Fails if a result was wrong, or if the server did not count the failures that were caused.
    pub(super) fn check(&self, function: &Value) -> anyhow::Result<()> {
        let mut wrong = self.wrong();
        for (kind, [caused, counted]) in self.failures(function) {
            if caused != counted {
                wrong.push(format!("{kind}: {caused} failures were caused, {counted} counted"));
            }
        }
        wrong.truncate(LISTED_REASONS);
        if wrong.is_empty() { Ok(()) } else { bail!("wrong results:\n{}", wrong.join("\n")) }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.lock();
        for (activity, count) in &counts.done {
            write!(f, "{activity:?} {count}, ")?;
        }
        write!(f, "wrong {}", counts.wrong.len())
    }
}
