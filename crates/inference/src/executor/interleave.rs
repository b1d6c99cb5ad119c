//! Shorter batches run between the stages of a long one.

use std::cell::Cell;
use std::sync::Arc;

use super::Shared;
use super::next::Work;
use crate::helpers::HelperGroup;
use crate::workers::{Alone, Workers};

/// What runs in between is at most this part of what is left to be done of the long batch.
const PART: u32 = 4;

/// The threads that compute a batch.
pub(super) struct BatchWorkers<'a> {
    shared: &'a Shared,
    line: u64,
    group: Option<Arc<HelperGroup>>,
    /// How many tokens may still run in between: as many as the batch has, so that it takes twice its time at most.
    credit: Cell<u32>,
}

impl<'a> BatchWorkers<'a> {
    /// Only a batch of more tokens than batches are filled up to is interleaved with others: the others are short enough.
    pub(super) fn of(shared: &'a Shared, work: &Work) -> Self {
        let tokens = u32::try_from(work.batch.tokens()).unwrap_or(u32::MAX);
        let long = tokens > work.graph.options.max_tokens;
        let credit = Cell::new(if long { tokens } else { 0 });
        Self { shared, line: work.line, group: work.group.clone(), credit }
    }
}

impl Workers for BatchWorkers<'_> {
    fn threads(&self) -> usize {
        self.group.as_deref().map_or(1, HelperGroup::threads)
    }

    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync)) {
        match &self.group {
            Some(group) => group.share(count, part),
            None => Alone.share(count, part),
        }
    }

    fn interleave(&self, left: u32) {
        let most = self.credit.get().min(left / PART);
        if most == 0 {
            return;
        }
        if let Some(work) = self.shared.short_batch(self.line, most) {
            let tokens = u32::try_from(work.batch.tokens()).unwrap_or(u32::MAX);
            self.credit.set(self.credit.get().saturating_sub(tokens));
            self.shared.run(work, &Alone);
        }
    }
}
