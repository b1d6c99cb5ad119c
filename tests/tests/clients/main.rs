//! Unmodified clients of other servers against `pilotlight serve`: a test for each script in
//! `tests/clients`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod schemathesis;
mod scripts;
mod servers;
