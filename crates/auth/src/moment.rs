use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

/// When somebody asks, by two clocks: dates are compared with the one on the wall, which may be
/// set back, and requests are counted by the other, which never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The date.
    pub wall: SystemTime,
    /// Time since a point that is the same for all requests.
    pub steady: Duration,
}

impl Moment {
    /// Reads both clocks.
    pub fn now() -> Self {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        let start = *START;
        Self { wall: SystemTime::now(), steady: start.elapsed() }
    }
}
