//! Addresses of hosts and network interfaces.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::recognizer::Verdict;

fn parse<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    str::from_utf8(bytes).ok()?.parse().ok()
}

fn without_prefix(bytes: &[u8]) -> (&[u8], Option<u8>) {
    match bytes.iter().position(|byte| *byte == b'/') {
        Some(place) => (&bytes[..place], Some(parse(&bytes[place + 1..]).unwrap_or(u8::MAX))),
        None => (bytes, None),
    }
}

/// IPv4 (RFC 791), with or without a prefix length. Masks and the unspecified address name nobody.
pub(crate) fn ipv4(bytes: &[u8]) -> Verdict {
    let (address, prefix) = without_prefix(bytes);
    let is_named = |address: Ipv4Addr| !address.is_unspecified() && address.octets()[0] != 255;
    let fits = prefix.is_none_or(|prefix| prefix <= 32);
    Verdict::plausible(fits && parse(address).is_some_and(is_named))
}

/// IPv6 (RFC 4291), with or without a prefix length or a zone. `::` alone, and what is rather a path of
/// names than an address (`a::b`), are left.
pub(crate) fn ipv6(bytes: &[u8]) -> Verdict {
    let (address, prefix) = without_prefix(bytes);
    let address = address.split(|byte| *byte == b'%').next().unwrap_or_default();
    let groups = address.split(|byte| *byte == b':').filter(|group| !group.is_empty()).count();
    let is_address = groups >= 3
        || (groups >= 1 && address.iter().any(u8::is_ascii_digit) && address.len() >= 6);
    let parsed = parse::<Ipv6Addr>(address).is_some_and(|address| !address.is_unspecified());
    Verdict::plausible(prefix.is_none_or(|prefix| prefix <= 128) && is_address && parsed)
}

/// MAC-48 (IEEE 802): not all zeros, not the broadcast address, one kind of separator.
pub(crate) fn mac(bytes: &[u8]) -> Verdict {
    let mut separators = bytes.iter().filter(|byte| !byte.is_ascii_hexdigit());
    let first = separators.next();
    let same = separators.all(|separator| Some(separator) == first);
    let mut nibbles =
        bytes.iter().filter(|byte| byte.is_ascii_hexdigit()).map(u8::to_ascii_lowercase);
    let zeros = nibbles.clone().all(|nibble| nibble == b'0');
    Verdict::plausible(same && !zeros && !nibbles.all(|nibble| nibble == b'f'))
}
