//! Says aloud what is not tested here.

use std::fmt::Display;
use std::io::Write as _;

pub(crate) fn skipped(reason: &dyn Display) {
    // Not captured, unlike what `eprintln` writes.
    std::io::stderr().write_all(format!("skipped: {reason}\n").as_bytes()).unwrap();
}
