use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::route::Canary;
use crate::verdict::{self, Reason};
use crate::window::{Window, WindowCounts};

/// A canary under way. All of it may be used by many threads at once: counting takes no lock, and
/// [`CanaryState::advance`] only that against itself.
pub struct CanaryState {
    plan: Canary,
    /// Bits of an `f64`.
    share: AtomicU64,
    canary: Window,
    control: Window,
    progress: Mutex<Progress>,
}

struct Progress {
    phase: Phase,
    step: usize,
    /// When the step began.
    since: Option<Duration>,
    /// The control when it last had enough requests: at a share of 1 it has none.
    baseline: Option<WindowCounts>,
    /// Why it was rolled back.
    reason: Option<Reason>,
}

/// Phase of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It advances from step to step.
    Running,
    /// It has completed all steps and keeps the share of the last one.
    Finished,
    /// It exceeded a limit and gets no requests.
    RolledBack,
}

/// Which of the two answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The target whose weight moves.
    Canary,
    /// One of the other targets.
    Control,
}

/// Result of [`CanaryState::advance`].
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// No change.
    Hold,
    /// The next step began.
    Moved {
        /// The canary's share from now on.
        share: f64,
    },
    /// The canary gets nothing from now on.
    RolledBack {
        /// Why.
        reason: Reason,
    },
    /// The last step is over; its share stays.
    Finished,
}

/// A canary at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CanaryStatus {
    /// Phase.
    pub phase: Phase,
    /// Which step, counted from 0.
    pub step: usize,
    /// Its share of the route's requests.
    pub share: f64,
    /// Requests of the canary in this step.
    pub canary: WindowCounts,
    /// Requests of the control in this step.
    pub control: WindowCounts,
    /// Reason of the rollback, if it was rolled back.
    pub reason: Option<String>,
}

/// One request's place in a canary, to say later how it went.
#[derive(Clone)]
pub struct Observer {
    pub(crate) state: Arc<CanaryState>,
    pub(crate) side: Side,
}

impl Observer {
    /// Counts the request: how long its answer took, and whether it failed (5xx).
    pub fn observe(&self, latency: Duration, failed: bool) {
        self.state.observe(self.side, latency, failed);
    }

    /// The side that answers the request.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }
}

impl CanaryState {
    /// A canary at its first step, whose time begins with the first [`CanaryState::advance`].
    /// Without steps it is finished, and gets nothing.
    #[must_use]
    pub fn new(plan: &Canary) -> Self {
        let first = plan.steps.first();
        let phase = if first.is_some() { Phase::Running } else { Phase::Finished };
        let share = first.map_or(0.0, |step| step.share);
        let progress = Progress { phase, step: 0, since: None, baseline: None, reason: None };
        Self {
            plan: plan.clone(),
            share: AtomicU64::new(share.to_bits()),
            canary: Window::default(),
            control: Window::default(),
            progress: Mutex::new(progress),
        }
    }

    /// Counts a request that was answered. One that began in an earlier step counts for the step
    /// in which it ends.
    pub fn observe(&self, side: Side, latency: Duration, failed: bool) {
        let window = match side {
            Side::Canary => &self.canary,
            Side::Control => &self.control,
        };
        window.add(latency, failed);
    }

    /// The canary's share of the route's requests.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed))
    }

    /// Current status.
    #[must_use]
    pub fn status(&self) -> CanaryStatus {
        let progress = self.progress();
        CanaryStatus {
            phase: progress.phase,
            step: progress.step,
            share: self.share(),
            canary: self.canary.seen(),
            control: self.control.seen(),
            reason: progress.reason.map(|reason| reason.to_string()),
        }
    }

    /// Compares the canary with the control and does what is due: nothing, a step or the way
    /// back. `now` is the time since any moment that is the same for all calls.
    ///
    /// A step is prolonged until the canary has answered `min_requests`, the first also until the
    /// control has. Later a control with fewer is replaced by what it last was.
    pub fn advance(&self, now: Duration) -> Event {
        let mut progress = self.progress();
        if progress.phase != Phase::Running {
            return Event::Hold;
        }
        let since = *progress.since.get_or_insert(now);
        let (canary, control) = (self.canary.seen(), self.control.seen());
        if control.requests >= self.plan.min_requests {
            progress.baseline = Some(control);
        }
        if let Some(reason) = self.verdict(canary, control, progress.baseline) {
            (progress.phase, progress.reason) = (Phase::RolledBack, Some(reason));
            self.set_share(0.0);
            return Event::RolledBack { reason };
        }
        let lasts = self.plan.steps.get(progress.step).map_or(Duration::ZERO, |step| step.lasts);
        let compared = canary.requests >= self.plan.min_requests && progress.baseline.is_some();
        if now.saturating_sub(since) < lasts || !compared {
            return Event::Hold;
        }
        self.step(&mut progress, now)
    }

    fn step(&self, progress: &mut Progress, now: Duration) -> Event {
        let Some(next) = self.plan.steps.get(progress.step + 1) else {
            progress.phase = Phase::Finished;
            return Event::Finished;
        };
        progress.step += 1;
        progress.since = Some(now);
        self.canary.clear();
        self.control.clear();
        self.set_share(next.share);
        Event::Moved { share: next.share }
    }

    /// What speaks against the canary.
    fn verdict(
        &self,
        canary: WindowCounts,
        control: WindowCounts,
        baseline: Option<WindowCounts>,
    ) -> Option<Reason> {
        if let Some(reason) = verdict::hopeless(&self.plan, canary, control) {
            return Some(reason);
        }
        let control = baseline.filter(|_| canary.requests >= self.plan.min_requests)?;
        verdict::errors(&self.plan, canary, control)
            .or_else(|| verdict::latency(&self.plan, &self.canary, control))
    }

    fn set_share(&self, share: f64) {
        self.share.store(share.to_bits(), Ordering::Relaxed);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
