//! Validation of listener addresses.

use std::net::{IpAddr, SocketAddr};

use super::finding::{Finding, key};
use crate::types::Config;

pub(super) fn check(config: &Config, findings: &mut Vec<Finding>) {
    let listen = config.listen;
    if config.admin.address().is_some_and(|address| overlap(listen, address)) {
        findings.push(Finding {
            key: key(&["admin", "listen"]),
            because: vec![key(&["listen"])],
            message: format!("overlaps `listen`, {listen}; choose another port"),
        });
    }
}

/// Whether not both can be listened at. Port 0 is any free one. `[::]` takes connections of IPv4,
/// too, unless the system is set up otherwise.
pub fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same = match (one, other) {
        // Of the same link-local address, there is one for each interface.
        (SocketAddr::V6(one), SocketAddr::V6(other)) => one.scope_id() == other.scope_id(),
        _ => true,
    };
    let [one_ip, other_ip] = [one, other].map(|address| address.ip().to_canonical());
    let ips =
        same && one_ip == other_ip || includes(one_ip, other_ip) || includes(other_ip, one_ip);
    one.port() == other.port() && one.port() != 0 && ips
}

fn includes(wildcard: IpAddr, address: IpAddr) -> bool {
    wildcard.is_unspecified() && (wildcard.is_ipv6() || address.is_ipv4())
}
