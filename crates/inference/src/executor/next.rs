//! What a thread does next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::{Loaded, Shared};
use crate::helpers::HelperGroup;
use crate::queue::{Batch, Due, Queue};

/// Fewer would not pay for what each thread has to do for itself.
const TOKENS_OF_A_THREAD: usize = 8;

#[derive(Default)]
pub(super) struct State {
    pub(super) queues: BTreeMap<u64, GraphQueue>,
    /// Whose turn it is to be looked at first.
    pub(super) turns: VecDeque<u64>,
    pub(super) next_line: u64,
    /// Batches that run, of all graphs.
    pub(super) running: usize,
    /// Batches that idle threads can help with.
    pub(super) groups: Vec<Arc<HelperGroup>>,
    pub(super) closed: bool,
}

/// The queue of one graph.
pub(super) struct GraphQueue {
    pub(super) queue: Queue,
    pub(super) running: usize,
    pub(super) graph: Arc<Loaded>,
}

/// A batch that a thread has taken.
pub(super) struct Work {
    pub(super) line: u64,
    pub(super) graph: Arc<Loaded>,
    pub(super) batch: Batch,
    /// Those who help with it.
    pub(super) group: Option<Arc<HelperGroup>>,
}

pub(super) enum Next {
    Work(Work),
    /// Help with a batch, until something arrives or it is time to look again.
    Help(Arc<HelperGroup>, Option<Instant>),
    Wait(Option<Instant>),
    End,
}

impl Shared {
    pub(super) fn concurrency(&self, graph: &Loaded) -> usize {
        match graph.options.concurrency {
            0 => self.threads,
            limit => limit.min(self.threads),
        }
    }

    /// The first graph in turn that has something to run and may run it.
    pub(super) fn next(&self, state: &mut State) -> Next {
        if state.closed {
            return Next::End;
        }
        let now = Instant::now();
        let mut until: Option<Instant> = None;
        // More run than there are threads where some are interleaved.
        let idle = (self.threads - 1).saturating_sub(state.running);
        for turn in 0..state.turns.len() {
            let Some(id) = state.turns.get(turn).copied() else { break };
            let Some(line) = state.queues.get_mut(&id) else { continue };
            let left = self.concurrency(&line.graph).saturating_sub(line.running);
            if left == 0 {
                continue;
            }
            match line.queue.due(now, &line.graph.options) {
                Due::Never => continue,
                Due::At(due) => {
                    until = Some(until.map_or(due, |until| until.min(due)));
                    continue;
                }
                Due::Now => {}
            }
            let options = line.graph.options;
            let batch = line.queue.take(now, &options, idle.min(left - 1));
            let Some(batch) = batch else { continue };
            line.running += 1;
            let graph = Arc::clone(&line.graph);
            state.running += 1;
            self.backend.share_cores(state.running);
            state.turns.remove(turn);
            state.turns.push_back(id);
            if idle > 0 && state.queues.values().any(|line| line.queue.len() > 0) {
                self.wake.notify_one();
            }
            let group = self.open_group(state, &batch, idle);
            return Next::Work(Work { line: id, graph, batch, group });
        }
        match state.groups.iter().find(|group| group.join()) {
            Some(group) => Next::Help(Arc::clone(group), until),
            None => Next::Wait(until),
        }
    }

    /// Opens a group for a batch that is worth it, and wakes threads that could join.
    fn open_group(
        &self,
        state: &mut State,
        batch: &Batch,
        idle: usize,
    ) -> Option<Arc<HelperGroup>> {
        let helpers = (batch.tokens() / TOKENS_OF_A_THREAD).saturating_sub(1).min(self.threads - 1);
        if helpers == 0 {
            return None;
        }
        let group = Arc::new(HelperGroup::new(helpers));
        state.groups.push(Arc::clone(&group));
        for _ in 0..helpers.min(idle) {
            self.wake.notify_one();
        }
        Some(group)
    }

    /// A batch of at most `most` tokens that may run between the stages of one of `line`, if no thread is idle that would take it.
    pub(super) fn short_batch(&self, line: u64, most: u32) -> Option<Work> {
        let mut state = self.lock();
        if state.running < self.threads {
            return None;
        }
        let now = Instant::now();
        let ids: Vec<u64> = state.turns.iter().copied().collect();
        for id in ids {
            let Some(other) = state.queues.get_mut(&id) else { continue };
            let allowed = id == line || other.running < self.concurrency(&other.graph);
            if !allowed || other.queue.due(now, &other.graph.options) != Due::Now {
                continue;
            }
            let Some(batch) = other.queue.take_short(most) else { continue };
            other.running += 1;
            let graph = Arc::clone(&other.graph);
            state.running += 1;
            return Some(Work { line: id, graph, batch, group: None });
        }
        None
    }
}
