//! Attention stages: heads of a sequence are computed together.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use pilotlight_kernels::{Attention, AttentionScratch, ColumnsMut, InstructionSet, Rows};
use pilotlight_onnx::ragged::{Attend, ValueId};

use super::arena::Arena;
use super::cost::head_parts;
use super::layout::{Layout, Place};
use super::ragged_batch::Sequence;
use crate::workers::Workers;

thread_local! {
    static SCRATCH: RefCell<AttentionScratch> = RefCell::default();
}

/// Computes attention of all sequences.
pub(super) fn run(
    (attend, layout, set): (&Attend, &Layout, InstructionSet),
    (arena, sequences): (&mut Arena, &[Sequence]),
    workers: &dyn Workers,
) -> Result<(), String> {
    let place = place(layout, attend.out)?;
    let mut out = std::mem::take(&mut arena.slots[place.slot]);
    let stage = Stage { attend, layout, set, arena };
    let computed = stage.share(sequences, &mut out, workers);
    arena.slots[place.slot] = out;
    computed
}

fn place(layout: &Layout, value: ValueId) -> Result<Place, String> {
    layout.places[value.0].ok_or_else(|| "rows of an attention lie nowhere".to_owned())
}

struct Stage<'a> {
    attend: &'a Attend,
    layout: &'a Layout,
    set: InstructionSet,
    arena: &'a Arena,
}

impl Stage<'_> {
    fn share(
        &self,
        sequences: &[Sequence],
        out: &mut [f32],
        workers: &dyn Workers,
    ) -> Result<(), String> {
        let heads = self.attend.heads;
        let width = heads.count * heads.width;
        let groups = head_parts(heads.count, sequences.len(), workers.threads());
        let mut parts = Vec::with_capacity(sequences.len() * groups);
        let mut rest = out;
        for sequence in sequences {
            let (rows, others) = rest.split_at_mut(sequence.tokens() * width);
            rest = others;
            let columns = ColumnsMut::new(rows, sequence.tokens(), width);
            let mut columns = columns.map_err(|error| error.to_string())?;
            for group in 1..=groups {
                let end = group * heads.count / groups * heads.width;
                let (some, others) = columns.split_at(end);
                parts.push((sequence, some));
                columns = others;
            }
        }
        // The longest first: what is left for the end is short.
        parts.sort_by_key(|(sequence, _)| std::cmp::Reverse(sequence.tokens()));
        let parts: Vec<_> = parts.into_iter().map(Mutex::new).collect();
        let failed = Mutex::new(None);
        workers.share(parts.len(), &|index| {
            let mut part = parts[index].lock().unwrap_or_else(PoisonError::into_inner);
            let (sequence, out) = &mut *part;
            if let Err(error) = self.compute(sequence, out) {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Computes some heads of a sequence.
    fn compute(&self, sequence: &Sequence, out: &mut ColumnsMut<'_>) -> Result<(), String> {
        let Attend { heads, scale, operands, mask, guarded, .. } = self.attend;
        let [query, key, value] = operands;
        let operands = [
            self.rows(sequence, *query)?,
            self.rows(sequence, *key)?,
            self.rows(sequence, *value)?,
        ];
        let attention = Attention::new(sequence.tokens(), *heads, operands, *scale);
        let mut attention = attention.ok_or("queries, keys and values do not fit")?;
        if let Some(mask) = mask {
            let mask = match self.layout.places[mask.0] {
                Some(_) => self.rows(sequence, (*mask, 0))?.values,
                // What it was to come from has failed.
                None if sequence.failed.is_some() => return Ok(()),
                None => {
                    let mask = sequence.loose(*mask).ok_or("the mask is missing")?;
                    let view = mask.try_as_plain_ram().and_then(|mask| mask.as_slice::<f32>());
                    view.map_err(|error| format!("{error:#}"))?
                }
            };
            attention = attention.masked(mask).ok_or("the mask does not fit")?;
        }
        if *guarded {
            attention = attention.guarded();
        }
        let computed =
            SCRATCH.with_borrow_mut(|scratch| attention.compute_heads(self.set, scratch, out));
        computed.map_err(|error| error.to_string())
    }

    /// The rows of a sequence, and the column that heads begin at.
    fn rows(
        &self,
        sequence: &Sequence,
        (value, start): (ValueId, usize),
    ) -> Result<Rows<'_>, String> {
        let Place { slot, width } = place(self.layout, value)?;
        let rows = &sequence.rows;
        let values = &self.arena.slots[slot][rows.start * width..rows.end * width];
        Ok(Rows { values, stride: width, start })
    }
}
