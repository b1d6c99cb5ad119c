//! Row stages: chunks of rows go through all steps of a stage.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use pilotlight_kernels::{Epilogue, Error, Scratch, Then, linear};
use pilotlight_onnx::ragged::RowStep;

use super::arena::Arena;
use super::cost::row_parts;
use super::layout::{Buffers, RowRun};
use crate::workers::Workers;

/// What a thread works in.
#[derive(Default)]
struct Worker {
    scratch: Scratch,
    own: Vec<Vec<f32>>,
}

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::default();
}

/// Some rows of each slot that a stage uses.
type Part<'a> = Mutex<(usize, Vec<&'a mut [f32]>)>;

/// Computes `steps` for all `rows`.
pub(super) fn run(
    (steps, run): (&[RowStep], &RowRun),
    (arena, rows): (&mut Arena, usize),
    workers: &dyn Workers,
) -> Result<(), String> {
    let parts = split(run, arena, &row_parts(rows, workers.threads()));
    let failed = Mutex::new(None);
    workers.share(parts.len(), &|index| {
        let mut part = parts[index].lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, slots) = &mut *part;
        let slots = std::mem::take(slots);
        let computed = WORKER.with_borrow_mut(|worker| chunk((steps, run), *rows, slots, worker));
        if let Err(error) = computed {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), Err)
}

/// The rows of each part in each slot.
fn split<'a>(run: &RowRun, arena: &'a mut Arena, parts: &[Range<usize>]) -> Vec<Part<'a>> {
    let mut split: Vec<_> = parts.iter().map(|rows| (rows.len(), Vec::new())).collect();
    let mut slots: Vec<Option<&mut [f32]>> =
        arena.slots.iter_mut().map(|slot| Some(&mut slot[..])).collect();
    for place in &run.slots {
        let mut rest = slots[place.slot].take().unwrap_or_default();
        for (part, rows) in split.iter_mut().zip(parts) {
            let (rows, others) = rest.split_at_mut(rows.len() * place.width);
            part.1.push(rows);
            rest = others;
        }
    }
    split.into_iter().map(Mutex::new).collect()
}

/// Computes all steps for some rows.
fn chunk(
    (steps, run): (&[RowStep], &RowRun),
    rows: usize,
    slots: Vec<&mut [f32]>,
    worker: &mut Worker,
) -> Result<(), Error> {
    let Worker { scratch, own } = worker;
    if own.len() < run.own.len() {
        own.resize(run.own.len(), Vec::new());
    }
    let mut buffers = slots;
    for (memory, width) in own.iter_mut().zip(&run.own) {
        let length = rows * width;
        memory.resize(memory.len().max(length), 0.0);
        buffers.push(&mut memory[..length]);
    }
    for (step, places) in steps.iter().zip(&run.steps) {
        let out = std::mem::take(&mut buffers[places.out]);
        compute(step, (&buffers, *places), (&mut *out, rows), scratch)?;
        buffers[places.out] = out;
    }
    Ok(())
}

/// Computes a step; `out` is not among the buffers.
fn compute(
    step: &RowStep,
    (buffers, places): (&[&mut [f32]], Buffers),
    (out, rows): (&mut [f32], usize),
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let (x, other) = (&*buffers[places.x], places.other.map(|other| &*buffers[other]));
    match step {
        RowStep::Linear { weights, bias, gelu, .. } => {
            let then = match other {
                Some(residual) => Then::Add(residual),
                None if *gelu => Then::Gelu,
                None => Then::Store,
            };
            let bias = bias.as_ref().map(|bias| &bias[..]);
            return linear(x, rows, weights, &Epilogue { bias, then }, scratch, out);
        }
        RowStep::Normalize { norm, .. } => {
            if places.x != places.out {
                out.copy_from_slice(x);
            }
            match other {
                Some(residual) => norm.add_and_apply(out, residual),
                None => norm.apply(out),
            }
        }
        RowStep::Add { .. } => {
            let summand = match other {
                Some(other) if places.x == places.out => other,
                Some(_) if places.other == Some(places.out) => x,
                _ => {
                    out.copy_from_slice(x);
                    other.unwrap_or(x)
                }
            };
            out.iter_mut().zip(summand).for_each(|(sum, summand)| *sum += *summand);
        }
    }
    Ok(())
}
