//! How long a body may still be waited for: pure arithmetic on durations.

use std::time::Duration;

use crate::http::limits::ServerLimits;

/// Silence that is no limit: added to a clock it stays in range.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The time that a client has left for the rest of a body.
#[derive(Debug)]
pub(super) struct Pace {
    rate: u64,
    grace: Duration,
    silence: Duration,
    deadline: Duration,
    /// Time spent waiting for the client.
    waited: Duration,
    /// Time that the client may fall behind the rate. Bytes earn it and waiting spends it; it never
    /// exceeds `grace`, so that a fast start does not pay for a slow end.
    credit: Duration,
}

impl Pace {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        Self {
            rate: limits.body_rate,
            grace: limits.body_grace,
            silence: limits.body_timeout,
            deadline: limits.body_deadline,
            waited: Duration::ZERO,
            credit: limits.body_grace,
        }
    }

    /// Any pace.
    pub(super) fn unlimited() -> Self {
        Self {
            rate: 0,
            grace: Duration::ZERO,
            silence: LONGEST,
            deadline: Duration::MAX,
            waited: Duration::ZERO,
            credit: Duration::ZERO,
        }
    }

    /// How long the next bytes may take.
    pub(super) fn patience(&self) -> Duration {
        let patience = self.silence.min(self.deadline.saturating_sub(self.waited));
        if self.rate == 0 { patience } else { patience.min(self.credit) }
    }

    /// `bytes` came after the client had been waited for during `time`.
    pub(super) fn received(&mut self, bytes: u64, time: Duration) {
        self.waited = self.waited.saturating_add(time);
        let micros = bytes.saturating_mul(1_000_000).checked_div(self.rate).unwrap_or_default();
        let credit = self.credit.saturating_sub(time);
        self.credit = credit.saturating_add(Duration::from_micros(micros)).min(self.grace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(change: impl FnOnce(&mut ServerLimits)) -> Pace {
        let mut limits = ServerLimits::default();
        (limits.body_rate, limits.body_grace) = (1000, 10 * SECOND);
        (limits.body_timeout, limits.body_deadline) = (30 * SECOND, 60 * SECOND);
        change(&mut limits);
        Pace::new(&limits)
    }

    /// Sends `bytes` once a second until the server stops waiting; returns the seconds.
    fn seconds(mut pace: Pace, bytes: u64) -> u32 {
        let mut seconds = 0;
        while pace.patience() >= SECOND && seconds < 10_000 {
            pace.received(bytes, SECOND);
            seconds += 1;
        }
        seconds
    }

    #[test]
    fn bytes_received_early_buy_no_more_than_the_grace_period() {
        let mut early = pace(|_| {});
        early.received(1 << 20, Duration::ZERO);
        assert_eq!(early.patience(), 10 * SECOND);
        assert_eq!(seconds(early, 1), 10, "one byte a second, after a fast megabyte");
        assert_eq!(seconds(pace(|_| {}), 1), 10, "one byte a second from the start");
    }

    #[test]
    fn a_body_at_the_minimum_rate_is_waited_for_until_the_deadline_and_no_longer() {
        assert_eq!(seconds(pace(|_| {}), 1000), 60);
        assert_eq!(seconds(pace(|_| {}), 1 << 20), 60);
        assert_eq!(seconds(pace(|limits| limits.body_deadline = 5 * SECOND), 1000), 5);
    }

    #[test]
    fn a_body_below_the_minimum_rate_is_given_up_once_the_grace_is_used_up() {
        // Half the rate loses half a second of grace each second.
        assert_eq!(seconds(pace(|_| {}), 500), 19);
    }

    #[test]
    fn without_a_rate_silence_and_the_deadline_still_end_a_body() {
        let mut slow = pace(|limits| limits.body_rate = 0);
        assert_eq!(slow.patience(), 30 * SECOND);
        slow.received(1, 29 * SECOND);
        slow.received(1, 29 * SECOND);
        assert_eq!(slow.patience(), 2 * SECOND);
        slow.received(1, Duration::MAX);
        assert_eq!(slow.patience(), Duration::ZERO);
    }
}
