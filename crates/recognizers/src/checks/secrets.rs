//! Keys and tokens of providers.

use crate::recognizer::Verdict;

/// Least letters and digits that differ in something random.
const LEAST_VARIETY: usize = 6;

/// Random letters and digits, not a placeholder such as `sk-xxxxxxxx`.
pub(crate) fn random(bytes: &[u8]) -> Verdict {
    let mut seen = [false; 128];
    for byte in bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        seen[usize::from(*byte)] = true;
    }
    Verdict::plausible(seen.iter().filter(|seen| **seen).count() >= LEAST_VARIETY)
}

/// Tokens of GitHub and npm: the last six letters are the CRC-32 of what stands between prefix and them, in
/// base 62.
pub(crate) fn base62_crc(bytes: &[u8]) -> Verdict {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((body, check)) = bytes.split_last_chunk::<6>() else { return Verdict::Invalid };
    let Some(prefix) = body.iter().position(|byte| *byte == b'_') else { return Verdict::Invalid };
    let mut rest = crc_32(&body[prefix + 1..]);
    let mut expected = [b'0'; 6];
    for place in expected.iter_mut().rev() {
        *place = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    if expected == *check { Verdict::Valid } else { random(bytes) }
}

/// CRC-32 (ISO/IEC 8802-3).
fn crc_32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

/// JSON Web Tokens (RFC 7519): the header is JSON in base64url, which begins with `{"`.
pub(crate) fn jwt(bytes: &[u8]) -> Verdict {
    let mut parts = bytes.split(|byte| *byte == b'.');
    let long = |part: Option<&[u8]>| part.is_some_and(|part| part.len() >= 10);
    Verdict::plausible(long(parts.next()) && long(parts.next()))
}

/// Passwords in URLs: something between the colon and the at sign that is no placeholder.
pub(crate) fn url_password(bytes: &[u8]) -> Verdict {
    let authority =
        bytes.windows(3).position(|three| three == b"://").map(|place| &bytes[place + 3..]);
    let Some(authority) = authority else { return Verdict::Invalid };
    let credentials = authority.rsplitn(2, |byte| *byte == b'@').nth(1).unwrap_or_default();
    let password = credentials.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
    let placeholder =
        password.starts_with(b"<") || password.starts_with(b"$") || password.starts_with(b"{");
    Verdict::plausible(!password.is_empty() && !placeholder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_32_has_the_check_value_of_its_definition() {
        assert_eq!(crc_32(b"123456789"), 0xcbf4_3926);
    }
}
