//! How two builds of a model are compared, and how far they agree.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Measure of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Measure {
    /// Share of equal values.
    Equal,
    /// Cosine of the answers as vectors, mean over the texts.
    Cosine,
    /// Share of pairs in the same order, of the values as a ranking.
    Order,
    /// 1 - the largest difference of two numbers.
    Difference,
}

/// How the answers of two builds of a model are compared, as declared by the guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccuracyCheck {
    /// The path that the request is posted to.
    pub path: String,
    /// The JSON that is posted; `{text}` inside its strings stands for a text of the corpus.
    pub request: Value,
    /// Values to compare: a JSON Pointer in which `*` stands for each element; empty for the whole
    /// answer.
    pub values: String,
    /// Measure of agreement.
    pub measure: Measure,
    /// Agreement that a smaller precision has to reach to be taken unasked, 0 to 1.
    pub threshold: f64,
}

/// Answers to the same requests, compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Measure of agreement.
    pub measure: Measure,
    /// Texts that were sent.
    pub texts: usize,
    /// Values in the answers that were compared; pairs of them, where their order was.
    pub values: usize,
    /// Agreement, 0 to 1.
    pub share: f64,
    /// Maximum difference between numbers: those that were compared, or those beside equal values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_difference: Option<f64>,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { measure, texts, values, share, largest_difference } = self;
        let percent = share * 100.0;
        match measure {
            Measure::Equal => write!(f, "{percent:.2} % of {values} values are equal")?,
            Measure::Cosine => write!(f, "mean cosine {share:.5} of {values} numbers")?,
            Measure::Order => write!(f, "{percent:.2} % of {values} pairs are in the same order")?,
            Measure::Difference => write!(f, "{values} numbers")?,
        }
        match largest_difference {
            Some(0.0) => write!(f, ", numbers are the same")?,
            Some(difference) if *difference < 0.001 => {
                write!(f, ", numbers differ by at most {difference:.1e}")?;
            }
            Some(difference) => write!(f, ", numbers differ by at most {difference:.3}")?,
            None => {}
        }
        write!(f, " (texts: {texts})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_follow_the_measure() {
        let agreement = |measure, share| Agreement {
            measure,
            texts: 2,
            values: 8,
            share,
            largest_difference: Some(0.12),
        };
        for (measure, share, told) in [
            (Measure::Equal, 0.875, "87.50 % of 8 values are equal"),
            (Measure::Cosine, 0.99951, "mean cosine 0.99951 of 8 numbers"),
            (Measure::Order, 1.0, "100.00 % of 8 pairs are in the same order"),
            (Measure::Difference, 0.9985, "8 numbers"),
        ] {
            let whole = format!("{told}, numbers differ by at most 0.120 (texts: 2)");
            assert_eq!(agreement(measure, share).to_string(), whole);
        }
        let little = Agreement { largest_difference: Some(2e-7), ..agreement(Measure::Equal, 1.0) };
        assert!(little.to_string().contains("at most 2.0e-7"), "{little}");
        let none = Agreement { largest_difference: Some(0.0), ..agreement(Measure::Equal, 1.0) };
        assert!(none.to_string().contains("numbers are the same"), "{none}");
        let without = Agreement { largest_difference: None, ..agreement(Measure::Equal, 1.0) };
        assert_eq!(without.to_string(), "100.00 % of 8 values are equal (texts: 2)");
    }
}
