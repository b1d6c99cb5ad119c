//! Every error is reported at once, with its location.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod keys;
mod routes;
mod sections;

use pilotlight_config::{Config, Sources};

fn sources() -> Sources {
    Sources { name: "p.toml".to_owned(), ..Sources::default() }
}

/// The errors of a text, as they are told.
fn told(text: &str) -> Vec<String> {
    match Config::parse(text, &sources()) {
        Ok(config) => panic!("{config:?}"),
        Err(diagnostics) => {
            diagnostics.into_iter().map(|diagnostic| diagnostic.to_string()).collect()
        }
    }
}

#[track_caller]
fn only(text: &str, diagnostic: &str) {
    assert_eq!(told(text), [diagnostic]);
}
