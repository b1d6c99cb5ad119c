//! The tasks: each converts a typed request to a typed answer. The table in `registry.rs` lists the tasks of a model, with a
//! sample and a comparison for each.
//! Used by `function` and `dialects`. Does not know HTTP.

pub mod embeddings;
pub mod encode;
pub mod fill_mask;
pub mod question_answering;
mod registry;
pub mod request;
pub mod reranking;
#[cfg(feature = "schema")]
pub(crate) mod schema;
pub(crate) mod scores;
pub mod speech_recognition;
pub mod tensors;
pub mod text_classification;
pub mod token_classification;
pub mod voice_activity;
pub mod zero_shot_classification;

pub use registry::{Agreement, Measure, able, agreement, answer, sample};
