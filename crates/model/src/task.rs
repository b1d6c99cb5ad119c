use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Task of a model, by the names of Hugging Face's tasks where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Task {
    /// One label for each token: named entities, personal data, parts of speech.
    TokenClassification,
    /// Scores of labels for a text or a pair of texts.
    TextClassification,
    /// The encoder's vectors, one for each token.
    FeatureExtraction,
    /// One vector for each text.
    SentenceEmbeddings,
    /// How similar texts are to another, by their vectors.
    SentenceSimilarity,
    /// How well texts answer a query, by a cross-encoder.
    Reranking,
    /// Scores of labels that come with the request, by natural language inference.
    ZeroShotClassification,
    /// The part of a text that answers a question.
    QuestionAnswering,
    /// Tokens that could stand in a gap.
    FillMask,
    /// When somebody speaks, in audio.
    VoiceActivityDetection,
    /// The words that are spoken in audio.
    AutomaticSpeechRecognition,
    /// The graph's own inputs and outputs; no tokenizer.
    Tensors,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 12] = [
        Self::TokenClassification,
        Self::TextClassification,
        Self::FeatureExtraction,
        Self::SentenceEmbeddings,
        Self::SentenceSimilarity,
        Self::Reranking,
        Self::ZeroShotClassification,
        Self::QuestionAnswering,
        Self::FillMask,
        Self::VoiceActivityDetection,
        Self::AutomaticSpeechRecognition,
        Self::Tensors,
    ];

    /// Its name in `model.toml`, in paths and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenClassification => "token-classification",
            Self::TextClassification => "text-classification",
            Self::FeatureExtraction => "feature-extraction",
            Self::SentenceEmbeddings => "sentence-embeddings",
            Self::SentenceSimilarity => "sentence-similarity",
            Self::Reranking => "reranking",
            Self::ZeroShotClassification => "zero-shot-classification",
            Self::QuestionAnswering => "question-answering",
            Self::FillMask => "fill-mask",
            Self::VoiceActivityDetection => "voice-activity-detection",
            Self::AutomaticSpeechRecognition => "automatic-speech-recognition",
            Self::Tensors => "tensors",
        }
    }

    /// Whether models read texts, and have a tokenizer.
    pub fn reads_text(self) -> bool {
        !matches!(
            self,
            Self::VoiceActivityDetection | Self::AutomaticSpeechRecognition | Self::Tensors
        )
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|task| task.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{name:?} is not a task; the tasks are {names}")
        })
    }
}
