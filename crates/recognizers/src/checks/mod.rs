//! Checks of a match beyond its pattern: checksums, prefixes, dates and lengths.
//! Used by `table`. Does not know patterns, scores or context.

pub(crate) mod americas;
pub(crate) mod asia;
pub(crate) mod contact;
pub(crate) mod crypto;
pub(crate) mod dates;
pub(crate) mod europe;
pub(crate) mod europe_east;
pub(crate) mod finance;
pub(crate) mod network;
pub(crate) mod oceania;
pub(crate) mod phone;
pub(crate) mod secrets;
mod sums;

use crate::recognizer::Verdict;

/// For patterns that say everything.
pub(crate) fn any(_: &[u8]) -> Verdict {
    Verdict::Plausible
}
