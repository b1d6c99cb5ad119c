//! Why a model folder cannot be loaded.

use pilotlight_model::{CONFIG_FILE, MANIFEST_FILE, ModelError, TOKENIZER_FILE};
#[cfg(feature = "tract")]
use pilotlight_onnx::OnnxError;
use pilotlight_recognizers::OptionsError;

use super::transitions::TransitionsError;
use crate::engine::EngineError;
use crate::text::TokenizerError;

/// Why a model folder could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file is missing, or not what the manifest says.
    #[error(transparent)]
    Folder(#[from] ModelError),
    /// The graph was refused.
    #[cfg(feature = "tract")]
    #[error("{file}: {error}")]
    Graph {
        /// The graph's file.
        file: String,
        /// What is wrong with it.
        error: OnnxError,
    },
    /// The graph could not be computed.
    #[error("{file}: {error}")]
    Engine {
        /// The graph's file.
        file: String,
        /// What the engine said.
        error: EngineError,
    },
    /// The guest was not built for that.
    #[error("{0}")]
    Variant(&'static str),
    /// The tokenizer was refused.
    #[error("{TOKENIZER_FILE}: {0}")]
    Tokenizer(#[from] TokenizerError),
    /// The configuration was refused.
    #[error("{CONFIG_FILE}: {0}")]
    Config(String),
    /// The matrix of transitions was refused.
    #[error("{file}: {error}")]
    Transitions {
        /// Its file.
        file: String,
        /// What is wrong with it.
        error: TransitionsError,
    },
    /// The recognizers were refused.
    #[error("{MANIFEST_FILE}: recognizers: {0}")]
    Recognizers(#[from] OptionsError),
    /// The files do not fit each other.
    #[error("{file}: {reason}")]
    Mismatch {
        /// The file that does not fit.
        file: String,
        /// What does not fit what.
        reason: String,
    },
}
