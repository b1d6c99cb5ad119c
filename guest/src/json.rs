//! Answers as JSON.

use std::io::{self, Write};

use pilotlight_json_floats::{Number, Text};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use crate::api::ApiError;

/// Writes an answer.
///
/// # Errors
/// [`ApiError::Internal`]; none of our types provokes it.
pub fn write(answer: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(answer).map_err(internal)
}

/// Writes an answer that is vectors for the most part.
///
/// # Errors
/// As [`write()`].
pub fn write_vectors(answer: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut json = Text::default();
    answer.serialize(&mut Serializer::with_formatter(&mut json, Vectors)).map_err(internal)?;
    Ok(json.0)
}

fn internal(error: serde_json::Error) -> ApiError {
    ApiError::Internal(error.to_string())
}

struct Vectors;

impl Formatter for Vectors {
    fn write_f32<W: ?Sized + Write>(&mut self, to: &mut W, value: f32) -> io::Result<()> {
        match Number::new(value) {
            Some(number) => to.write_all(number.text()),
            None => CompactFormatter.write_f32(to, value),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f32) -> String {
        String::from_utf8(write_vectors(&value).unwrap()).unwrap()
    }

    #[test]
    fn numbers_look_like_numbers() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.100000001"),
            (0.05, "0.0500000007"),
            (2.5e-5, "0.0000249999994"),
            (123_456.78, "123456.781"),
            (99_999_992.0, "99999992.0"),
            (16_777_216.0, "16777216.0"),
            (0.999_999_94, "0.99999994"),
            (f32::NAN, "null"),
        ] {
            assert_eq!(written(value), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_are_read_back_exactly(bits in any::<u32>(), near in -1f32..1.0) {
            for value in [f32::from_bits(bits), near, near * 1e-4] {
                if value.is_finite() {
                    let text = written(value);
                    prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), value.to_bits());
                    prop_assert!(text.contains('.') || text.contains('e'), "{}", text);
                    prop_assert!(serde_json::from_str::<f64>(&text).is_ok(), "{}", text);
                }
            }
        }
    }
}
