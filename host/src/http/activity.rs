//! What a connection is waited for, and until when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::time::Instant;

use super::limits::ServerLimits;

/// What happens on a connection.
pub(super) struct Activity(Mutex<State>);

struct State {
    limits: Arc<ServerLimits>,
    /// Whether requests come side by side: HTTP/2.
    multiplexed: bool,
    in_flight: u32,
    waits: Waits,
    /// Since when there is no request in flight, or the next one has begun.
    since: Instant,
    /// Requests that may still be taken back.
    resets_left: u32,
    hurries: bool,
    waker: Option<Waker>,
}

/// What for, while no request is in flight.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// The head of a request, whose first byte is there or overdue.
    Head,
    /// Another request.
    Next,
}

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Requests are in flight.
    Busy,
    /// The head of a request has to be there by then.
    Head(Instant),
    /// The connection can be idle until then.
    Idle(Instant),
    /// The client reset too many requests.
    Resets,
}

/// A request in flight; dropped before it is answered it was taken back.
pub(super) struct InFlight {
    activity: Arc<Activity>,
    answered: bool,
}

impl Activity {
    pub(super) fn new(limits: Arc<ServerLimits>) -> Self {
        Self(Mutex::new(State {
            multiplexed: false,
            in_flight: 0,
            waits: Waits::Head,
            since: Instant::now(),
            resets_left: limits.max_resets,
            hurries: false,
            waker: None,
            limits,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client speaks HTTP/2, where a connection may be made before it is needed.
    pub(super) fn multiplexed(&self) {
        let mut state = self.state();
        (state.multiplexed, state.waits, state.since) = (true, Waits::Next, Instant::now());
    }

    /// Something has come in.
    pub(super) fn read(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && state.waits == Waits::Next && !state.multiplexed {
            (state.waits, state.since) = (Waits::Head, Instant::now());
        }
    }

    /// The head of a request is there.
    pub(super) fn begins(self: &Arc<Self>) -> InFlight {
        self.state().in_flight += 1;
        InFlight { activity: Arc::clone(self), answered: false }
    }

    /// Everybody has to go: no client is waited for any longer than its requests take.
    pub(super) fn hurry(&self) {
        self.state().hurries = true;
    }

    /// Whether a client may go on sending for a while after its connection has been closed: one of
    /// HTTP/2 can be told to stop.
    pub(super) fn lingers(&self) -> bool {
        let state = self.state();
        !state.hurries && !state.multiplexed
    }

    /// Whether requests are in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.state().in_flight > 0
    }

    /// How the connection stands; `waker` is told when that changes.
    pub(super) fn standing(&self, waker: &Waker) -> Standing {
        let mut state = self.state();
        if state.multiplexed && !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        match state.waits {
            _ if state.resets_left == 0 => Standing::Resets,
            _ if state.in_flight > 0 => Standing::Busy,
            Waits::Head => Standing::Head(state.since + state.limits.header_timeout),
            Waits::Next => Standing::Idle(state.since + state.limits.idle_timeout),
        }
    }

    fn ended(&self, answered: bool) {
        let mut state = self.state();
        state.in_flight -= 1;
        state.resets_left = match answered {
            true => (state.resets_left + 1).min(state.limits.max_resets),
            // A request of HTTP/1.1 can only be taken back with its connection.
            false => state.resets_left.saturating_sub(u32::from(state.multiplexed)),
        };
        if state.in_flight == 0 {
            (state.waits, state.since) = (Waits::Next, Instant::now());
        }
        // Requests of HTTP/2 are answered by tasks of their own.
        if (state.in_flight == 0 || state.resets_left == 0)
            && let Some(waker) = state.waker.take()
        {
            drop(state);
            waker.wake();
        }
    }
}

impl InFlight {
    /// The response has been written, as far as the client lets it.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.ended(self.answered);
    }
}
