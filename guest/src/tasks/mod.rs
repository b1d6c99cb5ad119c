//! From a request's body to an answer, task by task. The table in `registry.rs` says which tasks a model
//! can do and how each is called, sampled and compared.

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
