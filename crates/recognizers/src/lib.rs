//! Finds identifiers, secrets and contact data in texts by patterns, checksums and the words around them.
//!
//! [`Recognizers::new`] compiles what [`RecognizerOptions`] choose of the [table](recognizers) and add to
//! it; [`Recognizers::find`] gives [`Finding`]s with places in code points and bytes, and [`resolve()`]
//! decides between findings and the entities of a model that overlap.
//!
//! - A pattern finds the form. A check, such as Luhn's sum, decides whether it is an identifier: a wrong
//!   checksum is no finding at all.
//! - Many identifiers are bare numbers that other numbers look like. They score below the threshold unless a
//!   word such as `BSN` stands near.
//! - Digits, spaces and hyphens of all scripts count, and code points without a width do not.
//! - Time is linear in the length of the text: patterns are run by automata from each start of a word, over a
//!   bounded length, and nothing is tried twice.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod checks;
mod context;
mod find;
mod folded;
mod options;
mod own;
mod recognizer;
mod resolve;
mod scanner;
mod segments;
mod table;

pub use find::Recognizers;
pub use options::{DenyList, OptionsError, OwnPattern, RecognizerOptions, THRESHOLD};
pub use recognizer::{Edges, Finding, LONG, Recognizer, SHORT, Verdict};
pub use resolve::{Beaten, Candidate, Decision, Origin, Reason, resolve};
pub use scanner::ScannerError;
pub use segments::{LIMIT, Segments};
pub use table::recognizers;
