//! How many instances are kept ready: pure arithmetic, without clock or threads.

/// Follows demand: a burst that empties a full pool asks for a larger one, and what was not
/// needed during a whole period is given up. A pool that is emptied before it was full asks for
/// nothing: its workers are too slow, not its level too low.
#[derive(Debug)]
pub(super) struct Level {
    minimum: usize,
    maximum: usize,
    target: usize,
    /// Fewest ready instances that were seen in this period.
    lowest: usize,
    /// The target was reached since the pool was last found empty.
    full: bool,
}

impl Level {
    pub(super) fn new(minimum: usize, maximum: usize) -> Self {
        let maximum = maximum.max(minimum);
        Self { minimum, maximum, target: minimum, lowest: 0, full: false }
    }

    /// How many instances to keep ready.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// A request took a ready instance and left `ready` of them.
    pub(super) fn hit(&mut self, ready: usize) {
        self.lowest = self.lowest.min(ready);
    }

    /// A request found none.
    pub(super) fn miss(&mut self) {
        self.lowest = 0;
        if std::mem::take(&mut self.full) {
            self.target = (self.target + self.target / 2 + 1).min(self.maximum);
        }
    }

    /// There are `ready` instances, one more than before.
    pub(super) fn filled(&mut self, ready: usize) {
        self.full |= ready >= self.target;
    }

    /// A period ends with `ready` instances: what was never needed is not kept ready again.
    pub(super) fn period(&mut self, ready: usize) {
        self.target = self.target.saturating_sub(self.lowest).max(self.minimum);
        self.lowest = ready.min(self.target);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Empties a full pool `count` times.
    fn burst(level: &mut Level, count: usize) {
        for _ in 0..count {
            level.filled(level.target());
            level.miss();
        }
    }

    #[test]
    fn bursts_raise_the_target_and_idle_periods_lower_it_again() {
        let mut level = Level::new(2, 8);
        assert_eq!(level.target(), 2);
        burst(&mut level, 1);
        assert_eq!(level.target(), 4);
        (0..100).for_each(|_| level.miss());
        assert_eq!(level.target(), 4, "one burst is one reason");
        burst(&mut level, 100);
        assert_eq!(level.target(), 8, "never above the maximum");
        level.period(8);
        assert_eq!(level.target(), 8, "all were needed in the period that ends");
        level.period(8);
        assert_eq!(level.target(), 2, "none was needed; never below the minimum");
    }

    #[test]
    fn what_a_period_needed_stays() {
        let mut level = Level::new(0, 6);
        burst(&mut level, 10);
        level.period(6);
        level.hit(5);
        level.hit(2);
        level.hit(4);
        level.period(6);
        assert_eq!(level.target(), 4, "two of six were never needed");
    }

    proptest! {
        #[test]
        fn the_target_stays_within_its_bounds(
            minimum in 0usize..10,
            maximum in 0usize..20,
            events in proptest::collection::vec((0u8..4, 0usize..30), 0..200),
        ) {
            let mut level = Level::new(minimum, maximum);
            for (event, ready) in events {
                match event {
                    0 => level.hit(ready),
                    1 => level.miss(),
                    2 => level.filled(ready),
                    _ => level.period(ready),
                }
                prop_assert!((minimum..=maximum.max(minimum)).contains(&level.target()));
            }
        }
    }
}
