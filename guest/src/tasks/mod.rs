//! From a request's body to an answer, task by task. The table in [`registry`] says which tasks a model
//! can do and how each is called, sampled and compared.

mod embeddings;
mod encode;
mod fill_mask;
mod question_answering;
mod registry;
mod request;
mod reranking;
mod scores;
mod tensors;
mod text_classification;
pub mod token_classification;
mod zero_shot_classification;

pub use registry::{Agreement, Measure, able, agreement, answer, json, sample};
