//! When a process that has ended is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// A process that lived so long was well: whatever ended it is looked at as the first failure.
const HEALTHY: Duration = Duration::from_secs(60);

/// Counts failures that follow one another.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait after the end of a process that `lived` so long; not at all the first
    /// time.
    pub(super) fn after(&mut self, lived: Duration) -> Duration {
        if lived >= HEALTHY {
            self.failures = 0;
        }
        let delay = match self.failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doubled) => FIRST.saturating_mul(1 << doubled.min(16)).min(LONGEST),
        };
        self.failures = self.failures.saturating_add(1);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_immediate_and_those_that_follow_wait_twice_as_long_each() {
        let mut backoff = Backoff::default();
        let delays: Vec<u128> = (0..10).map(|_| backoff.after(FIRST).as_millis()).collect();
        assert_eq!(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        (0..100).for_each(|_| assert_eq!(backoff.after(Duration::ZERO), LONGEST));
    }

    #[test]
    fn a_minute_of_health_makes_up_for_all_failures() {
        let mut backoff = Backoff::default();
        (0..5).for_each(|_| assert!(backoff.after(Duration::ZERO) <= FIRST * 8));
        assert_eq!(backoff.after(HEALTHY), Duration::ZERO);
        assert_eq!(backoff.after(Duration::ZERO), FIRST);
    }
}
