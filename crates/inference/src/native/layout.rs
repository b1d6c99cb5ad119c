//! Where the rows of each value lie while a plan is computed.
//!
//! Values that stages share lie in slots, matrices with a row for each token of the batch; slots are used again
//! once nothing reads their value any more. Values that only steps of one stage share lie in a chunk, which stays
//! in a core's cache.

use std::collections::HashMap;

use pilotlight_onnx::ragged::{Ragged, RowStep, Stage, Value, ValueId};

/// Where values lie.
pub(super) struct Layout {
    /// For each value that is rows and lies in a slot.
    pub(super) places: Vec<Option<Place>>,
    /// The most columns of each slot's values.
    pub(super) slots: Vec<usize>,
    /// For each stage that is a row stage.
    pub(super) runs: Vec<Option<RowRun>>,
}

/// A slot, and the columns of the value that lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: usize,
    pub(super) width: usize,
}

/// How a row stage is computed for a chunk: its buffers are those in slots and then those of the chunk.
pub(super) struct RowRun {
    pub(super) slots: Vec<Place>,
    /// Columns of the buffers that only the chunk has.
    pub(super) own: Vec<usize>,
    pub(super) steps: Vec<Buffers>,
}

/// The buffers of a step, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffers {
    pub(super) x: usize,
    pub(super) other: Option<usize>,
    /// May be that of `x`, or of the other summand.
    pub(super) out: usize,
}

/// When something happens: the stage, and the step in it.
type Time = (usize, usize);

const END: Time = (usize::MAX, 0);

/// When a value is computed, when it is read last, and the buffer that it lies in.
#[derive(Clone, Copy)]
struct Life {
    width: usize,
    from: Time,
    until: Time,
    buffer: usize,
    /// It is computed, or read, by something other than a step.
    outside: bool,
}

impl Layout {
    pub(super) fn new(plan: &Ragged) -> Self {
        let lives = lives(plan);
        let mut layout =
            Self { places: vec![None; plan.values.len()], slots: vec![], runs: vec![] };
        layout.assign(&lives);
        layout.runs = plan.stages.iter().map(|stage| layout.run(stage, &lives)).collect();
        layout
    }

    /// Gives slots to the buffers that are needed in more than one stage.
    fn assign(&mut self, lives: &[Option<Life>]) {
        // The first and the last stage of each buffer, and whether a stage of another kind needs it.
        let mut spans = vec![(usize::MAX, 0, false); lives.len()];
        for life in lives.iter().flatten() {
            let (from, until, outside) = &mut spans[life.buffer];
            *from = life.from.0.min(*from);
            *until = life.until.0.max(*until);
            *outside |= life.outside;
        }
        // The stage after which a slot is free.
        let mut free_after: Vec<usize> = Vec::new();
        let mut slots: Vec<Option<usize>> = vec![None; lives.len()];
        for (value, life) in lives.iter().enumerate() {
            let Some(life) = life else { continue };
            let (from, until, outside) = spans[life.buffer];
            if from == until && !outside {
                continue;
            }
            let slot = slots[life.buffer].unwrap_or_else(|| {
                let same = |slot: &usize| self.slots[*slot] == life.width;
                let free = |slot: &usize| free_after[*slot] < from && same(slot);
                let found = (0..self.slots.len()).find(free).unwrap_or_else(|| {
                    self.slots.push(life.width);
                    free_after.push(0);
                    self.slots.len() - 1
                });
                free_after[found] = until;
                found
            });
            slots[life.buffer] = Some(slot);
            self.places[value] = Some(Place { slot, width: life.width });
        }
    }

    fn run(&self, stage: &Stage, lives: &[Option<Life>]) -> Option<RowRun> {
        let Stage::Rows(steps) = stage else { return None };
        let mut slots: Vec<Place> = Vec::new();
        for value in
            steps.iter().map(read_and_written).flat_map(|(out, read)| read.into_iter().chain([out]))
        {
            let place = self.places[value.0];
            slots.extend(place.filter(|place| !slots.contains(place)));
        }
        let mut own = Own::default();
        let mut number = |value: ValueId| match self.places[value.0] {
            Some(place) => slots.iter().position(|slot| *slot == place).unwrap_or_default(),
            None => slots.len() + own.number(value, lives),
        };
        let steps = steps.iter().map(|step| {
            let (out, read) = read_and_written(step);
            let mut read = read.into_iter();
            let x = read.next().map_or(0, &mut number);
            let other = read.next().map(&mut number);
            Buffers { x, other, out: number(out) }
        });
        let steps = steps.collect();
        Some(RowRun { slots, own: own.widths, steps })
    }
}

/// Buffers of a chunk, used again once nothing reads their value any more.
#[derive(Default)]
struct Own {
    widths: Vec<usize>,
    /// The step that reads each last.
    until: Vec<Time>,
    /// Where each buffer of a value lies.
    places: HashMap<usize, usize>,
}

impl Own {
    fn number(&mut self, value: ValueId, lives: &[Option<Life>]) -> usize {
        let Some(life) = lives[value.0] else { return 0 };
        let (widths, until) = (&mut self.widths, &mut self.until);
        let place = *self.places.entry(life.buffer).or_insert_with(|| {
            let free = |place: &usize| until[*place] < life.from && widths[*place] == life.width;
            (0..widths.len()).find(free).unwrap_or_else(|| {
                widths.push(life.width);
                until.push(life.until);
                widths.len() - 1
            })
        });
        self.until[place] = life.until;
        place
    }
}

/// What a step writes, and what it reads.
fn read_and_written(step: &RowStep) -> (ValueId, Vec<ValueId>) {
    let (out, x, other) = match step {
        RowStep::Linear { x, residual, out, .. } | RowStep::Normalize { x, residual, out, .. } => {
            (*out, *x, *residual)
        }
        RowStep::Add { a, b, out } => (*out, *a, Some(*b)),
    };
    (out, [Some(x), other].into_iter().flatten().collect())
}

/// The lives of the values that are rows.
fn lives(plan: &Ragged) -> Vec<Option<Life>> {
    let widths = plan.values.iter().enumerate().map(|(index, value)| match value {
        Value::Rows { width } => {
            let (width, buffer) = (*width, index);
            Some(Life { width, from: END, until: (0, 0), buffer, outside: false })
        }
        Value::Loose => None,
    });
    let mut lives: Vec<Option<Life>> = widths.collect();
    for (index, stage) in plan.stages.iter().enumerate() {
        let now = (index, 0);
        match stage {
            Stage::Rows(steps) => {
                for (step, operands) in steps.iter().map(read_and_written).enumerate() {
                    let (out, operands) = operands;
                    operands.into_iter().for_each(|v| read(&mut lives, v, (index, step), false));
                    written(&mut lives, out, (index, step), false);
                }
            }
            Stage::Attend(attend) => {
                let operands = attend.operands.map(|(value, _)| value);
                let all = operands.into_iter().chain(attend.mask);
                all.for_each(|value| read(&mut lives, value, now, true));
                written(&mut lives, attend.out, now, true);
            }
            Stage::Fragment(fragment) => {
                let inputs = fragment.inputs.iter().map(|input| input.value);
                inputs.for_each(|value| read(&mut lives, value, now, true));
                fragment.outputs.iter().for_each(|v| written(&mut lives, *v, now, true));
            }
        }
    }
    plan.outputs.iter().for_each(|output| read(&mut lives, output.value, END, true));
    share(plan, &mut lives);
    lives
}

/// A value is computed.
fn written(lives: &mut [Option<Life>], value: ValueId, now: Time, outside: bool) {
    if let Some(life) = &mut lives[value.0] {
        life.from = now;
    }
    read(lives, value, now, outside);
}

/// A value is read.
fn read(lives: &mut [Option<Life>], value: ValueId, now: Time, outside: bool) {
    if let Some(life) = &mut lives[value.0] {
        life.until = life.until.max(now);
        life.outside |= outside;
    }
}

/// Lets sums and normalized rows take the place of what they are made of, where nothing else reads it.
fn share(plan: &Ragged, lives: &mut [Option<Life>]) {
    for (index, stage) in plan.stages.iter().enumerate() {
        let Stage::Rows(steps) = stage else { continue };
        for (step, now) in steps.iter().zip((0..).map(|step| (index, step))) {
            let (candidates, other, out) = match step {
                RowStep::Linear { .. } => continue,
                RowStep::Normalize { x, residual, out, .. } => (vec![*x], *residual, *out),
                RowStep::Add { a, b, out } if a == b => (vec![], None, *out),
                RowStep::Add { a, b, out } => (vec![*a, *b], None, *out),
            };
            let ends = |value: &&ValueId| {
                let last = lives[value.0].is_some_and(|life| life.until == now);
                last && Some(**value) != other
            };
            let Some(taken) = candidates.iter().find(ends) else { continue };
            let buffer = lives[taken.0].map(|life| life.buffer);
            if let (Some(life), Some(buffer)) = (&mut lives[out.0], buffer) {
                life.buffer = buffer;
            }
        }
    }
}
