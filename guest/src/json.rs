//! Answers as JSON. Vectors are written faster than serde_json would: their numbers have nine digits, by
//! which each f32 can be told from its neighbors (IEEE 754, 5.12.2), instead of as few as possible.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use crate::api::ApiError;

/// Significant digits.
const DIGITS: usize = 9;
/// Powers of ten that f64 has exactly, from 10^0.
const POWERS: [f64; 15] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];
/// Numbers of this range are written with nine digits.
const PLAIN: std::ops::Range<f32> = 2e-5..1e8;

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
    let mut json = Vec::new();
    answer.serialize(&mut Serializer::with_formatter(&mut json, Vectors)).map_err(internal)?;
    Ok(json)
}

fn internal(error: serde_json::Error) -> ApiError {
    ApiError::Internal(error.to_string())
}

struct Vectors;

impl Formatter for Vectors {
    fn write_f32<W: ?Sized + Write>(&mut self, to: &mut W, value: f32) -> io::Result<()> {
        let mut room = [b'0'; 20];
        match plain(value, &mut room) {
            Some(length) => to.write_all(&room[..length]),
            None => CompactFormatter.write_f32(to, value),
        }
    }
}

/// Writes a number of [`PLAIN`] size into `room`, which is full of zeros; returns its length.
fn plain(value: f32, room: &mut [u8; 20]) -> Option<usize> {
    let size = value.abs();
    if !PLAIN.contains(&size) {
        return None;
    }
    let (digits, exponent) = digits(f64::from(size));
    let digits = spelled(digits);
    let start = usize::from(value < 0.0);
    if start > 0 {
        room[0] = b'-';
    }
    let point = match usize::try_from(exponent) {
        // Digits on both sides of the point.
        Ok(exponent) => {
            let (whole, part) = digits.split_at(exponent + 1);
            let point = start + whole.len();
            room[start..point].copy_from_slice(whole);
            room[point + 1..][..part.len()].copy_from_slice(part);
            point
        }
        Err(_) => {
            let zeros = exponent.unsigned_abs() as usize - 1;
            room[start + 2 + zeros..][..digits.len()].copy_from_slice(&digits);
            start + 1
        }
    };
    room[point] = b'.';
    let last = room.iter().rposition(|byte| *byte != b'0').unwrap_or(point);
    Some(last.max(point + 1) + 1)
}

/// A whole number of nine digits as text.
fn spelled(number: u32) -> [u8; DIGITS] {
    let (first, rest) = (number / 100_000_000, number % 100_000_000);
    let (high, low) = (rest / 10_000, rest % 10_000);
    let mut text = [b'0' + first as u8; DIGITS];
    for (place, pair) in [high / 100, high % 100, low / 100, low % 100].into_iter().enumerate() {
        text[1 + 2 * place] = b'0' + (pair / 10) as u8;
        text[2 + 2 * place] = b'0' + (pair % 10) as u8;
    }
    text
}

/// The nine digits of a number, as a whole number, and the power of ten of the first.
fn digits(size: f64) -> (u32, i32) {
    let mut exponent = -5;
    while size >= power(exponent + 1) {
        exponent += 1;
    }
    let shift = POWERS[(DIGITS as i32 - 1 - exponent) as usize];
    let rounded = (size * shift + 0.5) as u32;
    match rounded {
        1_000_000_000 => (100_000_000, exponent + 1),
        digits => (digits, exponent),
    }
}

fn power(exponent: i32) -> f64 {
    match usize::try_from(exponent) {
        Ok(exponent) => POWERS[exponent],
        Err(_) => 1.0 / POWERS[exponent.unsigned_abs() as usize],
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
