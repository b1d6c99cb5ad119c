//! Fragments: what tract computes, sequence by sequence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use pilotlight_onnx::ragged::{Fragment, Operand};

use super::arena::Arena;
use super::layout::{Layout, Place};
use super::ragged_batch::Sequence;
use crate::workers::Workers;

/// Computes `fragment` for each sequence. What fails is kept in the sequence.
pub(super) fn run(
    (fragment, layout): (&Fragment, &Layout),
    (arena, sequences): (&mut Arena, &mut [Sequence]),
    workers: &dyn Workers,
) {
    let places = fragment.outputs.iter().filter_map(|output| layout.places[output.0]);
    let mut outputs: Vec<(Place, Vec<f32>)> =
        places.map(|place| (place, std::mem::take(&mut arena.slots[place.slot]))).collect();
    let mut parts: Vec<(&mut Sequence, Vec<&mut [f32]>)> =
        sequences.iter_mut().map(|sequence| (sequence, Vec::new())).collect();
    for (place, slot) in &mut outputs {
        let mut rest = &mut slot[..];
        for (sequence, rows) in &mut parts {
            let (own, others) = rest.split_at_mut(sequence.tokens() * place.width);
            rows.push(own);
            rest = others;
        }
    }
    let parts: Vec<_> = parts.into_iter().map(Mutex::new).collect();
    let shared: &Arena = arena;
    workers.share(parts.len(), &|index| {
        let mut part = parts[index].lock().unwrap_or_else(PoisonError::into_inner);
        let (sequence, rows) = &mut *part;
        // A wrong index panics in tract, and is one sequence's own.
        let run = AssertUnwindSafe(|| compute((fragment, layout), shared, sequence, rows));
        let computed = catch_unwind(run).unwrap_or_else(|_| Err("the backend panicked".to_owned()));
        if let Err(reason) = computed {
            rows.iter_mut().for_each(|rows| rows.fill(0.0));
            sequence.failed.get_or_insert(reason);
        }
    });
    drop(parts);
    for (place, slot) in outputs {
        arena.slots[place.slot] = slot;
    }
}

fn compute(
    (fragment, layout): (&Fragment, &Layout),
    arena: &Arena,
    sequence: &mut Sequence,
    rows: &mut [&mut [f32]],
) -> Result<(), String> {
    if let Some(reason) = &sequence.failed {
        return Err(reason.clone());
    }
    let tokens = sequence.tokens();
    let operands = fragment.inputs.iter().map(|input| match layout.places[input.value.0] {
        Some(Place { slot, width }) => {
            let range = sequence.rows.start * width..sequence.rows.end * width;
            Ok(Operand::Rows(&arena.slots[slot][range]))
        }
        None => sequence
            .loose(input.value)
            .map(|t| Operand::Loose(Arc::clone(t)))
            .ok_or("a value is missing"),
    });
    let operands = operands.collect::<Result<Vec<_>, _>>()?;
    let found = fragment.run(tokens, &mut operands.into_iter())?;
    let mut rows = rows.iter_mut();
    for (output, tensor) in fragment.outputs.iter().zip(found) {
        if layout.places[output.0].is_none() {
            sequence.loose[output.0] = Some(tensor);
            continue;
        }
        let view = tensor.try_as_plain_ram().and_then(|tensor| tensor.as_slice::<f32>());
        let values = view.map_err(|error| format!("{error:#}"))?;
        let rows = rows.next().filter(|rows| rows.len() == values.len());
        rows.ok_or("rows of another number than tokens")?.copy_from_slice(values);
    }
    Ok(())
}
