//! E-mail addresses and URLs.

use crate::folded::LETTER;
use crate::recognizer::Verdict;

/// Longest address (RFC 5321, section 4.5.3.1) and longest host name (RFC 1035).
const LONGEST_ADDRESS: usize = 254;
const LONGEST_LOCAL: usize = 64;
const LONGEST_LABEL: usize = 63;

/// Addresses with a dot-separated local part (RFC 5322, dot-atom; RFC 6531 letters) and a host name.
pub(crate) fn email(bytes: &[u8]) -> Verdict {
    let Some(at) = bytes.iter().rposition(|byte| *byte == b'@') else { return Verdict::Invalid };
    let (local, host) = (&bytes[..at], &bytes[at + 1..]);
    let dots = local.starts_with(b".")
        || local.ends_with(b".")
        || local.windows(2).any(|two| two == b"..");
    let fits = bytes.len() <= LONGEST_ADDRESS && (1..=LONGEST_LOCAL).contains(&local.len());
    Verdict::plausible(fits && !dots && is_host(host))
}

/// Whether host labels are of the right length and do not begin or end with a hyphen, and the last is no number.
fn is_host(host: &[u8]) -> bool {
    let label = |label: &[u8]| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    let last = host.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let is_name = last.len() > 1
        && last.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == LETTER)
        || last.starts_with(b"xn--");
    is_name && host.split(|byte| *byte == b'.').all(label)
}

/// Hosts without a scheme, with or without a path.
pub(crate) fn bare_host(bytes: &[u8]) -> Verdict {
    let host = bytes.split(|byte| matches!(byte, b'/' | b'?' | b'#' | b':')).next();
    Verdict::plausible(host.is_some_and(is_host))
}
