//! When the computations of a session are due.

use std::time::{Duration, Instant};

/// A session computes once in a period: each computation is due a period after it could begin, which is when
/// it is asked for, or when the one before is due. One that asks for more than its share is not served
/// before those that keep to theirs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    period: Option<Duration>,
    last: Option<Instant>,
}

impl Pace {
    pub(super) fn new(period: Option<Duration>) -> Self {
        Self { period, last: None }
    }

    /// When a computation is due that is asked for at `now`.
    pub(super) fn due(&mut self, now: Instant) -> Instant {
        let Some(period) = self.period else { return now };
        let begins = self.last.map_or(now, |last| last.max(now));
        *self.last.insert(begins + period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_to_the_period_is_due_a_period_later_and_who_asks_for_more_in_turn() {
        let (start, period) = (Instant::now(), Duration::from_millis(32));
        let mut pace = Pace::new(Some(period));
        for number in 0..3 {
            assert_eq!(pace.due(start + number * period), start + (number + 1) * period);
        }
        let now = start + 2 * period;
        assert_eq!(pace.due(now), now + 2 * period);
        assert_eq!(pace.due(now), now + 3 * period);
        let later = start + 60 * period;
        assert_eq!(pace.due(later), later + period, "nothing is owed for a pause");
        assert_eq!(Pace::new(None).due(now), now);
    }
}
