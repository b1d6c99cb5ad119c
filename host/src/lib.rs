//! wip
mod config;
mod engine;
mod error;
mod function;
mod progress;
mod section;
pub mod snapshot;
mod store;
pub use config::Options;
pub use error::{Error, Result};
pub use progress::{Progress, Stage};
pub use section::Provenance;
