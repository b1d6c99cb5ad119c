//! Runs the calls of a batch as one, and each alone where that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::backend::{Batching, Model};
use crate::buffer::Buffers;
use crate::error::RunError;
use crate::queue::Job;
use crate::rows;
use crate::tensor::Tensor;
use crate::workers::Workers;

type Outcome = Result<Vec<Tensor>, RunError>;

/// What a batch came to.
pub(crate) struct Ran {
    /// One for each call, in their order.
    pub(crate) outcomes: Vec<Outcome>,
    /// Calls that were run again, alone, because the batch failed.
    pub(crate) retried: u64,
}

impl Ran {
    /// Calls without a result.
    pub(crate) fn failed(&self) -> u64 {
        self.outcomes.iter().filter(|outcome| outcome.is_err()).count() as u64
    }
}

/// Runs `jobs` together; each outcome holds the rows of its own call. A batch that fails is taken
/// apart: what is wrong with one caller's input fails nobody else.
pub(crate) fn run(
    model: &dyn Model,
    jobs: &[Job],
    buffers: &Buffers,
    workers: &dyn Workers,
) -> Ran {
    if model.batching() == Batching::Ragged {
        return Ran { outcomes: run_ragged(model, jobs, buffers, workers), retried: 0 };
    }
    let each = || jobs.iter().map(|job| run_one(model, &job.inputs, buffers)).collect();
    if jobs.len() == 1 {
        return Ran { outcomes: each(), retried: 0 };
    }
    match run_together(model, jobs, buffers) {
        Ok(outcomes) => Ran { outcomes: outcomes.into_iter().map(Ok).collect(), retried: 0 },
        // Nothing is there that could run them alone.
        Err(gone @ RunError::Restarting { .. }) => {
            Ran { outcomes: jobs.iter().map(|_| Err(gone.clone())).collect(), retried: 0 }
        }
        Err(reason) => {
            tracing::warn!(%reason, calls = jobs.len(), "a batch failed; each call runs alone");
            Ran { outcomes: each(), retried: jobs.len() as u64 }
        }
    }
}

fn run_one(model: &dyn Model, inputs: &[Tensor], buffers: &Buffers) -> Outcome {
    let run = AssertUnwindSafe(|| model.run(inputs, buffers));
    let outputs = catch_unwind(run).map_err(|_| "the backend panicked")??;
    let (found, expected) = (outputs.len(), model.signature().outputs.len());
    if found == expected {
        Ok(outputs)
    } else {
        Err(format!("{found} outputs of {expected}").into())
    }
}

/// Runs jobs of any shapes, which the model keeps apart by itself.
fn run_ragged(
    model: &dyn Model,
    jobs: &[Job],
    buffers: &Buffers,
    workers: &dyn Workers,
) -> Vec<Outcome> {
    let calls: Vec<&[Tensor]> = jobs.iter().map(|job| &job.inputs[..]).collect();
    let run = AssertUnwindSafe(|| model.run_together(&calls, buffers, workers));
    let failed = |reason: &str| jobs.iter().map(|_| Err(reason.into())).collect();
    match catch_unwind(run) {
        Ok(outcomes) if outcomes.len() == jobs.len() => outcomes,
        Ok(_) => failed("the backend lost a call"),
        Err(_) => failed("the backend panicked"),
    }
}

fn run_together(
    model: &dyn Model,
    jobs: &[Job],
    buffers: &Buffers,
) -> Result<Vec<Vec<Tensor>>, RunError> {
    let rows: Vec<u32> = jobs.iter().map(Job::rows).collect();
    let total = rows.iter().sum();
    let inputs = jobs.first().map_or(0, |job| job.inputs.len());
    let stacked = (0..inputs)
        .map(|input| stack(jobs, input, total, buffers))
        .collect::<Result<Vec<_>, _>>()?;
    let outputs = run_one(model, &stacked, buffers)?;
    drop(stacked);
    let mut outcomes: Vec<Vec<Tensor>> = jobs.iter().map(|_| Vec::new()).collect();
    for output in &outputs {
        let parts = split(output, &rows, total, buffers)?;
        outcomes.iter_mut().zip(parts).for_each(|(outcome, part)| outcome.push(part));
    }
    Ok(outcomes)
}

/// The rows of one input of all jobs, below each other.
fn stack(jobs: &[Job], input: usize, rows: u32, buffers: &Buffers) -> Result<Tensor, String> {
    let of = |job: &Job| job.inputs.get(input).cloned();
    let parts: Vec<Tensor> = jobs.iter().filter_map(of).collect();
    rows::stacked(&parts, rows, buffers)
}

/// The rows of `output` that belong to each job, in their order.
fn split(
    output: &Tensor,
    rows: &[u32],
    total: u32,
    buffers: &Buffers,
) -> Result<Vec<Tensor>, String> {
    if rows::count(output) != Some(total) {
        return Err(format!("an output of shape {} for {total} rows", output.shape()));
    }
    let mut until = 0;
    let mut part = |rows: &u32| {
        let from = until;
        until += rows;
        rows::taken(output, &(from..until), buffers)
    };
    rows.iter().map(|rows| part(rows).map_err(|error| error.to_string())).collect()
}
