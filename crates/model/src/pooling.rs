use serde::{Deserialize, Serialize};

/// How the vectors of a text's tokens become one vector, by the names of sentence-transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Pooling {
    /// Vector of the first token.
    Cls,
    /// Their mean.
    Mean,
    /// The largest value of each column.
    Max,
    /// Vector of the last token.
    #[serde(rename = "lasttoken")]
    LastToken,
    /// Their mean, each weighted by its position from 1 on.
    #[serde(rename = "weightedmean")]
    WeightedMean,
    /// Their sum divided by the square root of their number.
    #[serde(rename = "mean_sqrt_len_tokens")]
    MeanSqrtLength,
}

impl Pooling {
    /// Its name in `model.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::LastToken => "lasttoken",
            Self::WeightedMean => "weightedmean",
            Self::MeanSqrtLength => "mean_sqrt_len_tokens",
        }
    }
}

/// Meaning of the scores of a text classifier, by the names of `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemType {
    /// One label is right: softmax.
    SingleLabelClassification,
    /// Any number of labels is right: sigmoid.
    MultiLabelClassification,
    /// They are the answer as they are.
    Regression,
}

/// What is applied to the scores of a cross-encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Activation {
    /// The logistic function: scores are 0 to 1.
    Sigmoid,
    /// Nothing: scores are the outputs of the model.
    Identity,
}

impl Activation {
    /// Its name in `model.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Identity => "identity",
        }
    }

    /// That of a class of PyTorch, such as `torch.nn.modules.activation.Sigmoid`.
    pub(crate) fn of_class(class: &str) -> Option<Self> {
        match class.strip_prefix("torch.nn.")?.rsplit('.').next()? {
            "Sigmoid" => Some(Self::Sigmoid),
            "Identity" => Some(Self::Identity),
            _ => None,
        }
    }
}
