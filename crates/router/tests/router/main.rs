//! Tests of the crate through its public interface, in one program: it is linked once.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests")]

mod anything;
mod canary;
mod compare;
mod errors;
mod matching;
mod overrides;
mod routes;
mod shadow;
mod split;
mod sticky;
mod support;
