//! The clocks that guests see: too coarse to tell from them what a neighbor on the same core does.

use std::time::Duration;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, MonotonicClock, WallClock};

/// What browsers give to pages that are not isolated (W3C High Resolution Time).
const RESOLUTION: Duration = Duration::from_micros(100);

/// A clock that stands still in between.
struct Coarse<C>(C);

/// Has a guest see clocks of [`RESOLUTION`].
pub(crate) fn coarsen(wasi: &mut WasiCtxBuilder) {
    wasi.monotonic_clock(Coarse(MonotonicClock::new())).wall_clock(Coarse(WallClock::new()));
}

fn coarse(time: Duration) -> Duration {
    let beyond = time.as_nanos() % RESOLUTION.as_nanos();
    time.saturating_sub(Duration::from_nanos(beyond as u64))
}

impl HostMonotonicClock for Coarse<MonotonicClock> {
    fn resolution(&self) -> u64 {
        RESOLUTION.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        coarse(Duration::from_nanos(self.0.now())).as_nanos() as u64
    }
}

impl HostWallClock for Coarse<WallClock> {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        coarse(self.0.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_last_tick() {
        for (nanoseconds, told) in
            [(0, 0), (99_999, 0), (100_000, 100_000), (1_000_123_456, 1_000_100_000)]
        {
            assert_eq!(coarse(Duration::from_nanos(nanoseconds)), Duration::from_nanos(told));
        }
    }

    #[test]
    fn what_is_told_of_them_is_true() {
        let clock = Coarse(MonotonicClock::new());
        assert_eq!(clock.resolution(), 100_000);
        assert_eq!(clock.now() % clock.resolution(), 0);
        assert_eq!(Coarse(WallClock::new()).resolution(), RESOLUTION);
    }
}
