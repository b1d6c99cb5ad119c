use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

/// The time of a request by two clocks: expiry dates are compared with the wall clock, which can be
/// set back; rates are measured with the monotonic clock, which cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// The wall clock.
    pub wall: SystemTime,
    /// The monotonic clock: time since a point that is the same for all requests.
    pub monotonic: Duration,
}

impl Timestamp {
    /// Reads both clocks.
    pub fn now() -> Self {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        let start = *START;
        Self { wall: SystemTime::now(), monotonic: start.elapsed() }
    }
}
