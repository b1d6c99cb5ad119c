//! Tells when requests are due, from a thread that does nothing else: the timers of the runtime
//! have a resolution of a millisecond.

use std::hint;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

/// Waking up from a sleep takes about this long on an idle core, so the rest is waited for awake.
const WAKE_UP: Duration = Duration::from_micros(60);

/// Sends the intended time of each request to `due` when it has come.
pub(crate) fn start(
    begin: Instant,
    schedule: impl Iterator<Item = Duration> + Send + 'static,
    due: UnboundedSender<Instant>,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("pacer".to_owned()).spawn(move || {
        refine_sleep();
        let mut previous = begin;
        for offset in schedule {
            let at = begin + offset;
            wait_until(at, at.saturating_duration_since(previous));
            previous = at;
            if due.send(at).is_err() {
                return;
            }
        }
    })
}

/// Stays awake for at most a quarter of the gap between requests: the server may share the core.
fn wait_until(at: Instant, gap: Duration) {
    let awake = WAKE_UP.min(gap / 4);
    let asleep = at.saturating_duration_since(Instant::now()).saturating_sub(awake);
    if !asleep.is_zero() {
        thread::sleep(asleep);
    }
    while Instant::now() < at {
        hint::spin_loop();
    }
}

/// Linux delays wake-ups by 50 µs unless the thread asks for less.
#[cfg(target_os = "linux")]
pub(crate) fn refine_sleep() {
    // A kernel that refuses only makes the pacer later, which the report shows.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn refine_sleep() {}
