//! Threads that have nothing else to do help a thread with its batch, section by section.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::workers::Workers;

/// How long a thread spins before it leaves its core to others in between. Sections follow each other faster.
const SPINS: Duration = Duration::from_micros(50);

type Panic = Box<dyn Any + Send>;

/// A thread that leads, and those that help it.
#[derive(Default)]
pub(crate) struct HelperGroup {
    /// The most helpers.
    most: usize,
    helpers: AtomicUsize,
    ended: AtomicBool,
    /// What is being done, while the leader waits for nobody.
    section: Mutex<Option<Section>>,
    /// Sections so far.
    epoch: AtomicUsize,
    /// The first part that nobody has taken.
    next: AtomicUsize,
    /// Helpers that have a copy of the section.
    inside: AtomicUsize,
    /// The first of the helpers' panics.
    panic: Mutex<Option<Panic>>,
}

/// Parts that can be computed in any order, by any thread.
#[derive(Clone, Copy)]
struct Section {
    /// Lives as long as the section is published and helpers are inside.
    part: &'static (dyn Fn(usize) + Sync),
    count: usize,
}

impl HelperGroup {
    /// A group of a leader and at most `most` helpers.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Makes the calling thread a helper, which is to call [`Self::help`]; `false` if there are enough.
    pub(crate) fn join(&self) -> bool {
        let more = |helpers| (helpers < self.most).then_some(helpers + 1);
        let joined = self.helpers.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        joined.is_ok()
    }

    /// Helps until the group ends or `leave` says so, between sections.
    pub(crate) fn help(&self, leave: &dyn Fn() -> bool) {
        let mut epoch = 0;
        while let Some(found) = self.wait(epoch, leave) {
            epoch = found;
            let Some(section) = self.enter() else { continue };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_parts(section))) {
                self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
            }
            self.inside.fetch_sub(1, Ordering::Release);
        }
        self.helpers.fetch_sub(1, Ordering::AcqRel);
    }

    /// Lets the helpers go.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Waits for a section after that of `epoch`.
    fn wait(&self, epoch: usize, leave: &dyn Fn() -> bool) -> Option<usize> {
        let mut patience = Patience::default();
        loop {
            if self.ended.load(Ordering::Acquire) || leave() {
                return None;
            }
            let found = self.epoch.load(Ordering::Acquire);
            if found != epoch {
                return Some(found);
            }
            patience.wait();
        }
    }

    /// The section, if it has not ended. The leader waits for whoever has it.
    fn enter(&self) -> Option<Section> {
        let section = self.section();
        if section.is_some() {
            self.inside.fetch_add(1, Ordering::Relaxed);
        }
        *section
    }

    fn take_parts(&self, Section { part, count }: Section) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            part(number);
        }
    }

    fn section(&self) -> MutexGuard<'_, Option<Section>> {
        self.section.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, section: Section) {
        let mut place = self.section();
        self.next.store(0, Ordering::Relaxed);
        *place = Some(section);
        drop(place);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Ends a section, after which no helper has it.
    fn withdraw(&self) {
        // Whoever had the lock before this is counted.
        *self.section() = None;
        let mut patience = Patience::default();
        while self.inside.load(Ordering::Acquire) > 0 {
            patience.wait();
        }
    }
}

/// For the leader, one section after the other.
impl Workers for HelperGroup {
    fn threads(&self) -> usize {
        1 + self.helpers.load(Ordering::Relaxed)
    }

    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync)) {
        if count < 2 || self.threads() < 2 {
            return (0..count).for_each(part);
        }
        // SAFETY: helpers get the reference from `enter` only. `withdraw` takes it back and returns after the last of
        // them has ended with it, and it is called before this returns: nothing in between unwinds.
        let part: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(part) };
        let section = Section { part, count };
        self.publish(section);
        let own = catch_unwind(AssertUnwindSafe(|| self.take_parts(section)));
        self.withdraw();
        let theirs = self.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }
}

/// Spins at first.
#[derive(Default)]
struct Patience {
    since: Option<Instant>,
}

impl Patience {
    fn wait(&mut self) {
        if self.since.get_or_insert_with(Instant::now).elapsed() < SPINS {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// Leads with a group of as many helpers.
    fn with_helpers<R>(helpers: usize, lead: impl FnOnce(&HelperGroup) -> R) -> R {
        let group = Arc::new(HelperGroup::new(helpers));
        std::thread::scope(|scope| {
            for _ in 0..helpers {
                assert!(group.join());
                scope.spawn(|| group.help(&|| false));
            }
            let led = catch_unwind(AssertUnwindSafe(|| lead(&group)));
            group.end();
            led.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    #[test]
    fn every_part_is_computed_once() {
        let (sections, parts) = if cfg!(miri) { (50, 5) } else { (10_000, 7) };
        for helpers in [0, 1, 3] {
            with_helpers(helpers, |group| {
                for section in 0..sections {
                    // Borrowed memory, which is gone after the section.
                    let counts: Vec<AtomicU64> = (0..parts).map(|_| AtomicU64::new(0)).collect();
                    group.share(parts, &|part| {
                        counts[part].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{section}");
                }
            });
        }
    }

    #[test]
    fn what_parts_write_is_there_when_the_section_has_ended() {
        let rounds = if cfg!(miri) { 20 } else { 1000 };
        let mut values = vec![0u64; 64];
        with_helpers(2, |group| {
            for _ in 0..rounds {
                let parts: Vec<_> = values.chunks_mut(8).map(Mutex::new).collect();
                group.share(parts.len(), &|part| {
                    parts[part].lock().unwrap().iter_mut().for_each(|value| *value += 1);
                });
            }
        });
        assert_eq!(values, vec![rounds; 64]);
    }

    #[test]
    fn a_panic_of_any_part_reaches_the_leader_and_ends_nothing() {
        with_helpers(2, |group| {
            for bad in 0..6 {
                let run = || group.share(6, &|part| assert!(part != bad, "part {part}"));
                assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
            }
            let count = AtomicU64::new(0);
            group.share(6, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(count.into_inner(), 6);
        });
    }

    #[test]
    fn helpers_leave_when_they_are_needed_and_others_take_their_place() {
        let group = HelperGroup::new(1);
        assert!(group.join() && !group.join());
        assert_eq!(group.threads(), 2);
        group.help(&|| true);
        assert_eq!(group.threads(), 1);
        assert!(group.join());
    }
}
