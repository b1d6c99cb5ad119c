//! How much each principal has left, in memory that does not grow.
//!
//! It is a cache as processors have them: a principal's hash picks a set, and in a set each of a few
//! principals has a bucket. One that is full again is forgotten when another principal needs its place,
//! which changes nothing: a new bucket is full, too. While no place is free, further principals of
//! the set share one bucket; and since a new bucket has no more in it than the shared one, nobody
//! gains by having been without one of his own.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::principal::Principal;
use crate::rate::Rate;

/// Sets; each has its own lock, which is held for a few comparisons.
const SETS: usize = 4096;
/// Callers with a bucket in a set: 65,536 in all, in 1.1 MiB.
const CALLERS: usize = 16;

pub(crate) struct Buckets {
    /// Keyed at random: nobody can choose who shares a set with him.
    hash: RandomState,
    sets: Box<[Mutex<Set>]>,
}

#[derive(Default)]
struct Set {
    buckets: [Bucket; CALLERS],
    /// When the shared bucket is full again.
    shared: u64,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    /// The principal's hash. Two of the same, in 2^64, would share the bucket.
    principal: u64,
    /// When it is full again, in nanoseconds.
    full: u64,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { hash: RandomState::new(), sets: (0..SETS).map(|_| Mutex::default()).collect() }
    }
}

impl Buckets {
    /// Takes one request out of the principal's bucket.
    ///
    /// # Errors
    /// How long to wait until there is one.
    pub(crate) fn take(
        &self,
        principal: &Principal,
        rate: Rate,
        now: Duration,
    ) -> Result<(), Duration> {
        let principal = self.hash.hash_one(principal);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let set = &self.sets[(principal % self.sets.len() as u64) as usize];
        // A set is whole at any point where a thread could end.
        set.lock().unwrap_or_else(PoisonError::into_inner).take(principal, rate, now)
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").finish_non_exhaustive()
    }
}

impl Set {
    fn take(&mut self, principal: u64, rate: Rate, now: u64) -> Result<(), Duration> {
        let own = self.buckets.iter().position(|bucket| bucket.principal == principal);
        let place = own.or_else(|| self.buckets.iter().position(|bucket| bucket.full <= now));
        let Some(place) = place else { return rate.take(&mut self.shared, now) };
        let bucket = &mut self.buckets[place];
        if own.is_none() {
            *bucket = Bucket { principal, full: self.shared };
        }
        // Emptier than empty it may be by what others took from the shared one, or by a rate that
        // has been changed.
        bucket.full = bucket.full.min(now.saturating_add(rate.refill()));
        rate.take(&mut bucket.full, now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{CALLERS, Rate, Set};

    /// Requests (who, and how long after the one before) of more principals than have places.
    fn requests() -> impl Strategy<Value = Vec<(u64, u64)>> {
        vec((1..3 * CALLERS as u64, 0..200_u64), 1..1000)
    }

    proptest! {
        #[test]
        fn no_caller_gets_more_than_his_rate_though_places_are_few(
            requests in requests(),
            burst in 1_u32..8,
        ) {
            let rate = Rate::new(1e6, Some(burst)).unwrap();
            let mut set = Set::default();
            let mut now = 0;
            let mut admitted = vec![Vec::new(); 3 * CALLERS];
            for (principal, pause) in requests {
                now += pause;
                if set.take(principal, rate, now).is_ok() {
                    admitted[principal as usize].push(now);
                }
            }
            for times in admitted {
                for (first, start) in times.iter().enumerate() {
                    for (last, end) in times.iter().enumerate().skip(first) {
                        let most = u64::from(burst) + (end - start) / 1000;
                        let count = 1 + last as u64 - first as u64;
                        prop_assert!(count <= most, "{times:?}");
                    }
                }
            }
        }

        #[test]
        fn who_waits_as_long_as_he_is_told_is_admitted(pauses in vec(0..3000_u64, 1..100)) {
            let rate = Rate::new(1e6, Some(3)).unwrap();
            let mut set = Set::default();
            let mut now = 0;
            for pause in pauses {
                now += pause;
                if let Err(wait) = set.take(7, rate, now) {
                    let wait = wait.as_nanos() as u64;
                    prop_assert!(set.take(7, rate, now + wait - 1).is_err());
                    now += wait;
                    prop_assert!(set.take(7, rate, now).is_ok());
                }
            }
        }
    }

    #[test]
    fn a_place_is_free_again_when_its_bucket_is_full() {
        let rate = Rate::new(1e6, Some(2)).unwrap();
        let mut set = Set::default();
        for principal in 1..=CALLERS as u64 {
            set.take(principal, rate, 0).unwrap();
        }
        // Two principals without a place share a bucket; at 1 µs there are places for everybody.
        assert!(set.take(101, rate, 0).is_ok() && set.take(102, rate, 0).is_ok());
        assert!(set.take(103, rate, 0).is_err());
        assert!(set.take(103, rate, 2000).is_ok() && set.take(103, rate, 2000).is_ok());
        assert!(set.take(104, rate, 2000).is_ok() && set.take(104, rate, 2000).is_ok());
    }

    #[test]
    fn what_was_taken_from_the_shared_bucket_is_missing_in_ones_own() {
        let rate = Rate::new(1e6, Some(2)).unwrap();
        let mut set = Set::default();
        for principal in 1..=CALLERS as u64 {
            set.take(principal, rate, 0).unwrap();
        }
        assert!(set.take(101, rate, 0).is_ok() && set.take(101, rate, 0).is_ok());
        // A place is free now, and one request has come back since.
        assert!(set.take(101, rate, 1000).is_ok());
        assert!(set.take(101, rate, 1000).is_err());
    }

    #[test]
    fn debts_by_a_slower_rate_are_forgiven_when_it_is_raised() {
        let mut set = Set::default();
        let slow = Rate::new(0.001, Some(1)).unwrap();
        set.take(1, slow, 0).unwrap();
        let fast = Rate::new(1e6, Some(1)).unwrap();
        assert!(set.take(1, fast, 0).is_err());
        assert!(set.take(1, fast, 1000).is_ok());
    }
}
