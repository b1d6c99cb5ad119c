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

    /// Compares with what the server says of the function that was made to fail.
    pub(super) fn check(&self, function: &Value) -> anyhow::Result<()> {
        let counts = self.lock();
        let mut wrong = counts.wrong.clone();
        let counted = function["current"]["failures"].as_object().cloned().unwrap_or_default();
        for kind in counts.expected.keys().chain(counted.keys()) {
            let expected = counts.expected.get(kind).copied().unwrap_or(0);
            let counted = counted.get(kind).and_then(Value::as_u64).unwrap_or(0);
            if expected != counted {
                wrong.push(format!("{kind}: {expected} were caused, {counted} were counted"));
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
