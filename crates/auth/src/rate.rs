use std::time::Duration;

use crate::error::InvalidValue;

const SECOND: f64 = 1e9;
const SLOWEST: f64 = 0.001;
const FASTEST: f64 = 1e6;
const LARGEST_BURST: u32 = 1_000_000;

/// Rate limit of a principal: in any time `t` at most `burst + rate · t` requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds in which the right to one request comes back.
    interval: u64,
    burst: u32,
}

impl Rate {
    /// `per_second` requests per second, and `burst` at once; without it, as many at once as in a
    /// second.
    ///
    /// # Errors
    /// [`InvalidValue`] in `rate`, which must be from 0.001 to 1,000,000, or in `burst`, from 1 to
    /// 1,000,000.
    pub fn new(per_second: f64, burst: Option<u32>) -> Result<Self, InvalidValue> {
        if !(SLOWEST..=FASTEST).contains(&per_second) {
            let message = format!("{per_second} requests per second; must be 0.001 to 1000000");
            return Err(InvalidValue::new("rate", message));
        }
        let burst = burst.unwrap_or(per_second.ceil() as u32);
        if !(1..=LARGEST_BURST).contains(&burst) {
            let message = format!("{burst} requests at once; must be 1 to {LARGEST_BURST}");
            return Err(InvalidValue::new("burst", message));
        }
        // Rounded up, so that nobody gets more than the rate.
        Ok(Self { interval: (SECOND / per_second).ceil() as u64, burst })
    }

    /// The rate of a table in which both may be missing; a burst alone has no meaning.
    pub(crate) fn of(
        per_second: Option<f64>,
        burst: Option<u32>,
    ) -> Result<Option<Self>, InvalidValue> {
        match (per_second, burst) {
            (Some(per_second), burst) => Self::new(per_second, burst).map(Some),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err(InvalidValue::new("burst", "has no effect without `rate`; set both or none"))
            }
        }
    }

    /// Nanoseconds that it takes an empty bucket to be full.
    pub(crate) fn refill(self) -> u64 {
        self.interval * u64::from(self.burst)
    }

    /// Takes one request out of a bucket that is full again at `full` (the generic cell rate
    /// algorithm; `full` is its theoretical arrival time). Nothing is taken on failure.
    ///
    /// # Errors
    /// How long to wait until there is one.
    pub(crate) fn take(self, full: &mut u64, now: u64) -> Result<(), Duration> {
        let after = now.max(*full).saturating_add(self.interval);
        let latest = now.saturating_add(self.refill());
        if after > latest {
            return Err(Duration::from_nanos(after - latest));
        }
        *full = after;
        Ok(())
    }
}
