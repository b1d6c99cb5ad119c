//! Memory of a batch, used again by the next.

use std::sync::{Mutex, PoisonError};

/// Rows that the memory which is kept has room for.
const MOST_KEPT: usize = 1024;

/// The slots of a layout.
#[derive(Default)]
pub(super) struct Arena {
    pub(super) slots: Vec<Vec<f32>>,
    rows: usize,
}

/// Arenas that no run uses.
#[derive(Default)]
pub(super) struct Arenas(Mutex<Vec<Arena>>);

impl Arenas {
    /// An arena for `rows` rows of each slot. What is in it is no value of this run.
    pub(super) fn take(&self, widths: &[usize], rows: usize) -> Arena {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut arena = taken.unwrap_or_default();
        arena.slots.resize(widths.len(), Vec::new());
        for (slot, width) in arena.slots.iter_mut().zip(widths) {
            slot.resize(slot.len().max(rows * width), 0.0);
        }
        arena.rows = arena.rows.max(rows);
        arena
    }

    pub(super) fn give_back(&self, arena: Arena) {
        if arena.rows <= MOST_KEPT {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(arena);
        }
    }
}
