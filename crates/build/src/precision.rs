//! Numbers that a model is computed with.

use std::fmt;
use std::str::FromStr;

use pilotlight_inference::GraphOptions;
use serde::{Deserialize, Serialize};

/// Numbers that a model is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// The number format of the graph file.
    Unchanged,
    /// 32-bit floats: quantized weights are expanded, which changes no result.
    #[default]
    F32,
    /// 8-bit integers: weights quantized per output channel, activations while computing.
    Int8,
    /// In the sandbox, and by the native backend on the host: weights in 4 bits where the file has them so
    /// and in 8 elsewhere, activations quantized while computing.
    Int4,
}

impl Precision {
    /// All precisions.
    pub const ALL: [Self; 4] = [Self::Unchanged, Self::F32, Self::Int8, Self::Int4];

    /// Options of a graph that is computed in it, where the backend converts weights.
    pub(crate) fn set(self, mut options: GraphOptions) -> GraphOptions {
        options.precision = match self {
            Self::Unchanged | Self::F32 => pilotlight_inference::Precision::F32,
            Self::Int8 => pilotlight_inference::Precision::Int8,
            Self::Int4 => pilotlight_inference::Precision::Int4,
        };
        options
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "unchanged",
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let known = || Self::ALL.map(|precision| precision.to_string()).join(", ");
        let found = Self::ALL.into_iter().find(|precision| precision.to_string() == text);
        found.ok_or_else(|| format!("{text} is not one of {}", known()))
    }
}
