use std::fmt;
use std::str::FromStr;

/// Numbers that products with constant weights are computed in, where the weights are held so,
/// too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// Weights in 8 bits, activations in 7 while computing, both with a scale for each 32 inputs.
    Int8,
    /// Weights in the file's own 4-bit blocks, where it has them, and as in [`Precision::Int8`]
    /// where it doesn't; activations in 8 bits while computing.
    Int4,
}

impl Precision {
    /// All precisions.
    pub const ALL: [Self; 3] = [Self::F32, Self::Int8, Self::Int4];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(|precision| precision.to_string()).join(", ");
        let found = Self::ALL.into_iter().find(|precision| precision.to_string() == text);
        found.ok_or_else(|| format!("{text} is not one of {}", known()))
    }
}
