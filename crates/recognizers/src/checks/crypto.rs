//! Addresses of crypto currencies.

use sha2::{Digest as _, Sha256};

use crate::recognizer::Verdict;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// A version byte, a hash of 20 bytes and a checksum of four.
const DECODED: usize = 25;

/// Base58Check with 160-bit hashes: Bitcoin, Litecoin, Dogecoin, Dash, Tron.
pub(crate) fn base58_check(bytes: &[u8]) -> Verdict {
    let Some(decoded) = decode_58(bytes) else { return Verdict::Invalid };
    let (payload, checksum) = decoded.split_at(DECODED - 4);
    let hash = Sha256::digest(Sha256::digest(payload));
    Verdict::valid(hash[..4] == *checksum)
}

fn decode_58(bytes: &[u8]) -> Option<[u8; DECODED]> {
    let mut decoded = [0_u8; DECODED];
    for byte in bytes {
        let mut carry = BASE58.iter().position(|letter| letter == byte)? as u32;
        for place in decoded.iter_mut().rev() {
            carry += u32::from(*place) * 58;
            *place = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    let zeros = decoded.iter().take_while(|byte| **byte == 0).count();
    let ones = bytes.iter().take_while(|byte| **byte == b'1').count();
    (zeros == ones).then_some(decoded)
}

/// Segregated witness addresses (BIP 173, Bech32; BIP 350, Bech32m).
pub(crate) fn bech32(bytes: &[u8]) -> Verdict {
    let lower = bytes.to_ascii_lowercase();
    let mixed =
        bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase);
    let Some(one) = lower.iter().rposition(|byte| *byte == b'1').filter(|_| !mixed) else {
        return Verdict::Invalid;
    };
    let (human, data) = (&lower[..one], &lower[one + 1..]);
    let values: Option<Vec<u8>> = data
        .iter()
        .map(|byte| BECH32.iter().position(|letter| letter == byte).map(|value| value as u8))
        .collect();
    let Some(values) = values.filter(|values| values.len() >= 6) else { return Verdict::Invalid };
    let expanded =
        human.iter().map(|byte| byte >> 5).chain([0]).chain(human.iter().map(|byte| byte & 31));
    let sum = polymod(expanded.chain(values));
    Verdict::valid(matches!(sum, 1 | 0x2bc8_30a3))
}

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        let chosen = GENERATORS.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        chosen.fold(next, |next, (_, generator)| next ^ generator)
    })
}

/// Ethereum addresses: not all zeros. Their checksum by capitals (ERC-55) is optional.
pub(crate) fn ethereum(bytes: &[u8]) -> Verdict {
    Verdict::plausible(bytes[2..].iter().any(|byte| *byte != b'0'))
}
