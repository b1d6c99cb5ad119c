//! Long batches let shorter ones pass.

use std::cell::Cell;
use std::sync::Arc;

use super::Shared;
use super::next::Work;
use crate::crew::Crew;
use crate::turn::{Alone, Turn};

/// What passes is at most this part of what is left to be done of the long batch.
const PART: u32 = 4;

/// The turn of a batch.
pub(super) struct Lead<'a> {
    shared: &'a Shared,
    line: u64,
    crew: Option<Arc<Crew>>,
    /// How many tokens may still pass: as many as the batch has, so that it takes twice its time at most.
    credit: Cell<u32>,
}

impl<'a> Lead<'a> {
    /// Only a batch of more tokens than batches are filled up to lets others pass: the others are short enough.
    pub(super) fn of(shared: &'a Shared, work: &Work) -> Self {
        let tokens = u32::try_from(work.batch.tokens()).unwrap_or(u32::MAX);
        let long = tokens > work.graph.options.max_tokens;
        let credit = Cell::new(if long { tokens } else { 0 });
        Self { shared, line: work.line, crew: work.crew.clone(), credit }
    }
}

impl Turn for Lead<'_> {
    fn threads(&self) -> usize {
        self.crew.as_deref().map_or(1, Crew::threads)
    }

    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync)) {
        match &self.crew {
            Some(crew) => crew.share(count, part),
            None => Alone.share(count, part),
        }
    }

    fn let_pass(&self, left: u32) {
        let most = self.credit.get().min(left / PART);
        if most == 0 {
            return;
        }
        if let Some(work) = self.shared.passing(self.line, most) {
            let tokens = u32::try_from(work.batch.tokens()).unwrap_or(u32::MAX);
            self.credit.set(self.credit.get().saturating_sub(tokens));
            self.shared.run(work, &Alone);
        }
    }
}
