//! A model folder: its graph, its tokenizer and what describes them, each file checked against its
//! SHA-256 digest whenever it is read.
//!
//! [`ModelFolder::detect`] takes folders as exporters and sentence-transformers leave them; a
//! `model.toml` overrides what is detected. The result is one complete [`Manifest`].
//!
//! The files are untrusted input. A name or a symbolic link that leads out of the folder, a special
//! file, a file of absurd size or one whose digest differs is refused by name, and nothing of it is
//! used. In a Hugging Face cache links may lead to other files of the same entry.

mod choices;
mod config;
mod detect;
mod digest;
mod draft;
mod error;
mod files;
mod folder;
mod input;
mod json;
mod labels;
mod manifest;
mod pattern;
mod pooling;
mod scheme;
mod signature;
mod task;
mod tokenizer;

pub use choices::Choices;
pub use config::ModelConfig;
pub use detect::Listing;
pub use digest::Digest;
pub use error::ModelError;
pub use files::largest_file;
pub use folder::ModelFolder;
pub use input::InputRole;
pub use json::without_bom;
pub use labels::{Labels, transformers_group};
pub use manifest::{Limits, MANIFEST_FILE, Manifest, SampleOptions, SpeechFiles};
pub use pattern::{PatternError, translate_pattern, visit_patterns};
pub use pilotlight_recognizers::RecognizerOptions;
pub use pooling::{Activation, Pooling, ProblemType};
pub use scheme::{Scheme, Tag};
pub use signature::{GraphPort, GraphReader, GraphSignature};
pub use task::Task;

/// The ONNX graph and its weights.
pub const MODEL_FILE: &str = "model.onnx";
/// The Hugging Face `tokenizers` description.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// The Hugging Face model configuration; holds the labels.
pub const CONFIG_FILE: &str = "config.json";
