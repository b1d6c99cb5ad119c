use std::net::IpAddr;
use std::str::FromStr;

/// Addresses with a common prefix. Addresses of IPv4 written in IPv6 (`::ffff:10.0.0.1`) are
/// addresses of IPv4, here and in [`Network::contains`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether the address is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (first, width) = bits(self.first);
        let (address, other) = bits(address.to_canonical());
        width == other && suffix(first ^ address, width, self.prefix) == first ^ address
    }
}

/// Bits of an address, and how many there are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// What is left of `bits` without the first `prefix` of `width`.
fn suffix(bits: u128, width: u32, prefix: u32) -> u128 {
    let mask = u128::MAX.checked_shl(width - prefix).unwrap_or(0);
    bits & !mask
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| {
            format!(
                "{text:?} is not an address or a network such as 192.0.2.7, 10.0.0.0/8 or fd00::/8"
            )
        })?;
        let (whole, width) = bits(written);
        let prefix = match prefix {
            None => width,
            Some(digits) => length(digits).filter(|length| *length <= width).ok_or_else(|| {
                format!("{text:?}: the prefix length after the slash must be 0 to {width}")
            })?,
        };
        if suffix(whole, width, prefix) != 0 {
            return Err(format!("{text:?}: the bits after the first {prefix} must be 0"));
        }
        Ok(Self::canonical(written, prefix))
    }
}

impl Network {
    fn canonical(first: IpAddr, prefix: u32) -> Self {
        match (first.to_canonical(), prefix.checked_sub(96)) {
            (mapped @ IpAddr::V4(_), Some(prefix)) if first.is_ipv6() => {
                Self { first: mapped, prefix }
            }
            _ => Self { first, prefix },
        }
    }
}

fn length(digits: &str) -> Option<u32> {
    let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| decimal)
}
