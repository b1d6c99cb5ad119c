//! What was asked, what went wrong, and what the server has to say of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use serde_json::Value;

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Model,
    Bystander,
    Fault,
    Change,
    Configuration,
    SlowClient,
}

/// Counts of all parts of the test.
#[derive(Default)]
pub(super) struct Account(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    asked: BTreeMap<Kind, u64>,
    wrong: Vec<String>,
    /// Failures that the server has to have counted.
    expected: BTreeMap<String, u64>,
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what was done by `kind`, and whether it went as it has to.
    pub(super) fn count(&self, kind: Kind, done: impl FnOnce() -> Result<(), String>) {
        let done = done();
        let mut counts = self.lock();
        *counts.asked.entry(kind).or_default() += 1;
        if let Err(wrong) = done {
            counts.wrong.push(format!("{kind:?}: {wrong}"));
        }
    }

    /// The server has to have counted one more failure of `kind`; none if that is empty.
    pub(super) fn expect(&self, kind: &str) {
        if !kind.is_empty() {
            *self.lock().expected.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// How often each was asked.
    pub(super) fn asked(&self) -> BTreeMap<Kind, u64> {
        self.lock().asked.clone()
    }

    /// What went wrong.
    pub(super) fn wrong(&self) -> Vec<String> {
        self.lock().wrong.clone()
    }

    /// Failures by kind: how many were caused, and how many the server says that the function had
    /// which was made to fail.
    pub(super) fn failures(&self, function: &Value) -> BTreeMap<String, [u64; 2]> {
        let mut failures = BTreeMap::<String, [u64; 2]>::new();
        for (kind, caused) in &self.lock().expected {
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

    /// Whether all went as it has to, and the server has counted what was caused.
    pub(super) fn check(&self, function: &Value) -> anyhow::Result<()> {
        let mut wrong = self.wrong();
        for (kind, [caused, counted]) in self.failures(function) {
            if caused != counted {
                wrong.push(format!("{kind}: {caused} were caused, {counted} were counted"));
            }
        }
        wrong.truncate(20);
        if wrong.is_empty() { Ok(()) } else { bail!("went wrong:\n{}", wrong.join("\n")) }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.lock();
        for (kind, asked) in &counts.asked {
            write!(f, "{kind:?} {asked}, ")?;
        }
        write!(f, "wrong {}", counts.wrong.len())
    }
}
