//! A rate limiter with a token bucket for each principal, in memory that does not grow
//! (docs/decisions/0021 compares it with `governor`).
//!
//! The buckets are a set-associative table: a principal's hash selects a set, and each set has buckets
//! for a few principals. A full bucket is the same as none, so it is reused when another principal
//! needs its place. While a set has no full bucket, further principals of the set share one. A new
//! bucket starts as full as the shared one, so sharing gains nothing.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::principal::Principal;
use crate::rate::Rate;

/// Number of sets. Each has its own lock, which is held for a few comparisons.
const SETS: usize = 4096;
/// Buckets of a set: 65,536 in all, in 1.1 MiB.
const WAYS: usize = 16;

pub(crate) struct RateLimiter {
    /// Keyed at random: clients cannot choose whose set they share.
    hash: RandomState,
    sets: Box<[Mutex<Set>]>,
}

#[derive(Default)]
struct Set {
    buckets: [Bucket; WAYS],
    /// When the bucket that principals without a place share is full again.
    shared: u64,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    /// The principal's hash: 64 bits, so that collisions are negligible.
    principal: u64,
    /// When the bucket is full again, in nanoseconds.
    full: u64,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self { hash: RandomState::new(), sets: (0..SETS).map(|_| Mutex::default()).collect() }
    }
}

impl RateLimiter {
    /// Takes one request out of the principal's bucket.
    ///
    /// # Errors
    /// How long to wait for the next request.
    pub(crate) fn take(
        &self,
        principal: &Principal,
        rate: Rate,
        now: Duration,
    ) -> Result<(), Duration> {
        let principal = self.hash.hash_one(principal);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let set = &self.sets[(principal % self.sets.len() as u64) as usize];
        // A set is consistent at any point where a thread could panic.
        set.lock().unwrap_or_else(PoisonError::into_inner).take(principal, rate, now)
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").finish_non_exhaustive()
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
        // It can be emptier than empty if others used the shared bucket, or if the rate has changed.
        bucket.full = bucket.full.min(now.saturating_add(rate.refill()));
        rate.take(&mut bucket.full, now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{Rate, Set, WAYS};

    /// Requests (principal, time since the request before) of more principals than a set has buckets.
    fn requests() -> impl Strategy<Value = Vec<(u64, u64)>> {
        vec((1..3 * WAYS as u64, 0..200_u64), 1..1000)
    }

    proptest! {
        #[test]
        fn no_principal_exceeds_its_rate_in_a_crowded_set(
            requests in requests(),
            burst in 1_u32..8,
        ) {
            let rate = Rate::new(1e6, Some(burst)).unwrap();
            let mut set = Set::default();
            let mut now = 0;
            let mut admitted = vec![Vec::new(); 3 * WAYS];
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
        fn a_request_is_admitted_after_the_wait_that_was_reported(pauses in vec(0..3000_u64, 1..100)) {
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
    fn a_full_bucket_is_reused() {
        let rate = Rate::new(1e6, Some(2)).unwrap();
        let mut set = Set::default();
        for principal in 1..=WAYS as u64 {
            set.take(principal, rate, 0).unwrap();
        }
        // Principals without a bucket share one of two requests; at 2 µs all have their own.
        assert!(set.take(101, rate, 0).is_ok() && set.take(102, rate, 0).is_ok());
        assert!(set.take(103, rate, 0).is_err());
        assert!(set.take(103, rate, 2000).is_ok() && set.take(103, rate, 2000).is_ok());
        assert!(set.take(104, rate, 2000).is_ok() && set.take(104, rate, 2000).is_ok());
    }

    #[test]
    fn a_new_bucket_lacks_what_was_taken_from_the_shared_one() {
        let rate = Rate::new(1e6, Some(2)).unwrap();
        let mut set = Set::default();
        for principal in 1..=WAYS as u64 {
            set.take(principal, rate, 0).unwrap();
        }
        assert!(set.take(101, rate, 0).is_ok() && set.take(101, rate, 0).is_ok());
        // A bucket is free now, and one request was refilled.
        assert!(set.take(101, rate, 1000).is_ok());
        assert!(set.take(101, rate, 1000).is_err());
    }

    #[test]
    fn waits_by_a_slower_rate_end_when_the_rate_is_raised() {
        let mut set = Set::default();
        let slow = Rate::new(0.001, Some(1)).unwrap();
        set.take(1, slow, 0).unwrap();
        let fast = Rate::new(1e6, Some(1)).unwrap();
        assert!(set.take(1, fast, 0).is_err());
        assert!(set.take(1, fast, 1000).is_ok());
    }
}
