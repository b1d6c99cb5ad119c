//! What each client address holds of something that all clients share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pilotlight_auth::Network;

/// Amounts by client: an IPv4 address, or a /64 of IPv6. Clients that hold nothing take no memory.
#[derive(Debug, Default)]
pub(super) struct Holdings(Mutex<HashMap<Network, u64>>);

/// What one connection or body of a client holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Holding {
    of: Arc<Holdings>,
    client: Network,
    amount: u64,
}

impl Holdings {
    fn lock(&self) -> MutexGuard<'_, HashMap<Network, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing yet, for `client`.
    pub(super) fn of(self: &Arc<Self>, client: Network) -> Holding {
        Holding { of: Arc::clone(self), client, amount: 0 }
    }
}

impl Holding {
    /// Whether the client could take `amount` more and hold no more than `limit`.
    pub(super) fn has_room(&self, amount: u64, limit: u64) -> bool {
        let held = self.of.lock().get(&self.client).copied().unwrap_or_default();
        held.saturating_add(amount) <= limit
    }

    /// Takes `amount` more, unless the client would then hold more than `limit`.
    #[must_use]
    pub(super) fn grow(&mut self, amount: u64, limit: u64) -> bool {
        let mut all = self.of.lock();
        let held = all.entry(self.client);
        let now = match &held {
            Entry::Occupied(held) => held.get().saturating_add(amount),
            Entry::Vacant(_) => amount,
        };
        if now > limit {
            return false;
        }
        if now > 0 {
            held.insert_entry(now);
        }
        self.amount += amount;
        true
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut all = self.of.lock();
        if let Entry::Occupied(mut held) = all.entry(self.client) {
            match held.get().saturating_sub(self.amount) {
                0 => held.remove(),
                left => held.insert(left),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn each_client_has_a_limit_of_its_own_and_gets_back_what_is_dropped() {
        let all = Arc::new(Holdings::default());
        let (mut one, mut two) = (all.of(network("192.0.2.1")), all.of(network("192.0.2.1")));
        assert!(one.grow(6, 10) && !two.grow(5, 10) && two.grow(4, 10));
        assert!(!two.has_room(1, 10) && two.has_room(0, 10));
        assert!(all.of(network("192.0.2.2")).grow(10, 10));
        drop(one);
        assert!(two.grow(6, 10) && !two.grow(1, 10));
        drop(two);
        assert!(all.lock().is_empty(), "a client that holds nothing is forgotten");
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let all = Arc::new(Holdings::default());
        let mut one = all.of(network("2001:db8:1:2::1"));
        assert!(one.grow(1, 1));
        assert!(!all.of(network("2001:db8:1:2:ffff::9")).grow(1, 1));
        assert!(all.of(network("2001:db8:1:3::1")).grow(1, 1));
        assert!(all.of(network("::ffff:192.0.2.1")).grow(1, 1));
    }

    #[test]
    fn a_refused_client_that_holds_nothing_leaves_no_entry() {
        let all = Arc::new(Holdings::default());
        assert!(!all.of(network("192.0.2.1")).grow(2, 1));
        assert!(all.of(network("192.0.2.1")).grow(0, 1));
        assert!(all.lock().is_empty());
    }
}
