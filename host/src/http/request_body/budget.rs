//! Memory for the bodies of requests, which all clients share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pilotlight_auth::Network;

use super::paced::BodyRefused;
use crate::http::holdings::{Holding, Holdings};
use crate::http::limits::ServerLimits;

/// How much there is, and how much of it is taken.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    taken: AtomicU64,
    /// Most that one client may take.
    client_limit: u64,
    clients: Arc<Holdings>,
}

/// What a body takes, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
    /// None for clients that have no limit of their own.
    client: Option<Holding>,
}

impl Budget {
    pub(super) fn new(limits: &ServerLimits) -> Arc<Self> {
        let limit = limits.body_memory.max(limits.max_body_bytes);
        let client_limit = limits.body_memory_per_address.unwrap_or(limit / 4);
        Arc::new(Self {
            limit,
            taken: AtomicU64::new(0),
            client_limit: client_limit.max(limits.max_body_bytes),
            clients: Arc::default(),
        })
    }

    /// Nothing yet, for a body of `client` that says it has `announced` bytes at least.
    ///
    /// # Errors
    /// [`BodyRefused::NoRoom`] or [`BodyRefused::NoRoomForClient`], if that is more than is left.
    pub(super) fn share(
        self: Arc<Self>,
        client: Option<Network>,
        announced: u64,
    ) -> Result<Share, BodyRefused> {
        let client = client.map(|client| self.clients.of(client));
        let left = self.limit.saturating_sub(self.taken.load(Ordering::Relaxed));
        // What is only announced is not taken: it costs its client nothing.
        if announced > left {
            return Err(BodyRefused::NoRoom);
        }
        if client.as_ref().is_some_and(|held| !held.has_room(announced, self.client_limit)) {
            return Err(BodyRefused::NoRoomForClient);
        }
        Ok(Share { budget: self, bytes: 0, client })
    }
}

impl Share {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// [`BodyRefused::NoRoom`] or [`BodyRefused::NoRoomForClient`], if they are more than is left.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), BodyRefused> {
        let (bytes, client_limit) = (bytes as u64, self.budget.client_limit);
        let taken = self.budget.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.bytes += bytes;
        if taken > self.budget.limit {
            return Err(BodyRefused::NoRoom);
        }
        if self.client.as_mut().is_some_and(|held| !held.grow(bytes, client_limit)) {
            return Err(BodyRefused::NoRoomForClient);
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(all: u64, per_address: Option<u64>) -> Arc<Budget> {
        let mut limits = ServerLimits::default();
        (limits.body_memory, limits.max_body_bytes) = (all, 1);
        limits.body_memory_per_address = per_address;
        Budget::new(&limits)
    }

    fn client(last: u8) -> Option<Network> {
        Some(Network::of([192, 0, 2, last].into()))
    }

    #[test]
    fn bodies_share_what_there_is_and_give_it_back() {
        let budget = budget(10, None);
        let share = |announced| Arc::clone(&budget).share(None, announced);
        let (mut one, mut other) = (share(10).unwrap(), share(10).unwrap());
        one.grow(6).unwrap();
        assert!(matches!(share(5), Err(BodyRefused::NoRoom)));
        assert!(matches!(other.grow(5), Err(BodyRefused::NoRoom)));
        drop(other);
        share(4).unwrap().grow(4).unwrap();
        drop(one);
        share(10).unwrap().grow(10).unwrap();
    }

    #[test]
    fn one_client_gets_no_more_than_its_part_and_others_the_rest() {
        let budget = budget(100, None);
        let share = |last, announced| Arc::clone(&budget).share(client(last), announced);
        let mut greedy: Vec<_> = (0..5).map(|_| share(1, 5).unwrap()).collect();
        assert!(greedy.iter_mut().all(|share| share.grow(5).is_ok()));
        let mut sixth = share(1, 0).unwrap();
        assert!(matches!(sixth.grow(1), Err(BodyRefused::NoRoomForClient)));
        assert!(matches!(share(1, 1), Err(BodyRefused::NoRoomForClient)));
        share(2, 25).unwrap().grow(25).unwrap();
        assert!(matches!(share(2, 26), Err(BodyRefused::NoRoomForClient)));
        drop(greedy);
        sixth.grow(25).unwrap();
    }

    #[test]
    fn one_body_has_room_whatever_the_part_of_a_client_is() {
        let mut limits = ServerLimits::default();
        (limits.body_memory, limits.max_body_bytes) = (1000, 900);
        limits.body_memory_per_address = Some(10);
        let mut share = Budget::new(&limits).share(client(1), 900).unwrap();
        share.grow(900).unwrap();
    }
}
