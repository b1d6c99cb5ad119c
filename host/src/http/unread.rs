//! Notices clients that do not read what they asked for.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

tokio::task_local! {
    /// What the task that is being polled, a connection or a stream of HTTP/2, has to get rid of.
    static UNREAD: Arc<Unread>;
}

/// Since when something waits to be read.
#[derive(Default)]
pub(super) struct Unread(Mutex<Option<Instant>>);

impl Unread {
    /// That of the task that is being polled.
    pub(super) fn of_task() -> Option<Arc<Self>> {
        UNREAD.try_with(Arc::clone).ok()
    }

    /// There is something to be read; it is known for how long unless it has been read since.
    pub(super) fn waits(&self) {
        self.since().get_or_insert_with(Instant::now);
    }

    /// All has been read, or some of it, so that time counts from now if there is more.
    pub(super) fn moves(&self) {
        *self.since() = None;
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `task` comes to; nothing if it was dropped, because something waited for `timeout` to be
/// read.
pub(super) async fn until_unread<T>(
    task: impl Future<Output = T>,
    unread: Arc<Unread>,
    timeout: Duration,
) -> Option<T> {
    let mut task = pin!(UNREAD.scope(Arc::clone(&unread), task));
    let mut alarm = Alarm::default();
    std::future::poll_fn(|context| {
        if let Poll::Ready(end) = task.as_mut().poll(context) {
            return Poll::Ready(Some(end));
        }
        let deadline = unread.since().map(|since| since + timeout);
        alarm.poll(deadline, context).map(|()| None)
    })
    .await
}

/// Goes off at a deadline that may change from poll to poll. Most deadlines are moved on before
/// they come: the clock is set anew only when it rings too early, or would ring too late.
#[derive(Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    pub(super) fn poll(
        &mut self,
        deadline: Option<Instant>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
