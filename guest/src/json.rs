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
/// Powers of ten from 10^[`FIRST_POWER`].
const DECADES: [f32; 14] =
    [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
const FIRST_POWER: i32 = -5;
/// Bytes of a sign, a point, leading zeros and the digits.
const ROOM: usize = 16;

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
    let mut json = Text(Vec::new());
    answer.serialize(&mut Serializer::with_formatter(&mut json, Vectors)).map_err(internal)?;
    Ok(json.0)
}

fn internal(error: serde_json::Error) -> ApiError {
    ApiError::Internal(error.to_string())
}

/// Text that grows by numbers. Copies of a size that is known are moves of registers, and no calls.
struct Text(Vec<u8>);

/// Bytes of half a number.
const HALF: usize = 8;

impl Write for Text {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match (bytes, bytes.first_chunk::<HALF>(), bytes.last_chunk::<HALF>()) {
            ([byte], ..) => self.0.push(*byte),
            // The halves overlap.
            (_, Some(first), Some(last)) if bytes.len() <= 2 * HALF => {
                let start = self.0.len();
                let end = start + bytes.len();
                self.0.extend_from_slice(&[0; 2 * HALF]);
                self.0[start..start + HALF].copy_from_slice(first);
                self.0[end - HALF..end].copy_from_slice(last);
                self.0.truncate(end);
            }
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Vectors;

impl Formatter for Vectors {
    #[inline]
    fn write_f32<W: ?Sized + Write>(&mut self, to: &mut W, value: f32) -> io::Result<()> {
        if !PLAIN.contains(&value.abs()) {
            return CompactFormatter.write_f32(to, value);
        }
        let mut room = *b"-0.000000000000.";
        let text = plain(value, &mut room);
        to.write_all(text)
    }
}

/// Writes a number of [`PLAIN`] size into `room`.
#[inline]
fn plain(value: f32, room: &mut [u8; ROOM]) -> &[u8] {
    let (digits, exponent) = digits(value.abs());
    let digits = spelled(digits);
    // Without the sign.
    let text = &mut room[1..];
    let (least, mut end) = match usize::try_from(exponent) {
        // Digits on both sides of the point.
        Ok(exponent) => {
            let (whole, part) = digits.split_at(exponent + 1);
            text[..whole.len()].copy_from_slice(whole);
            text[whole.len()] = b'.';
            text[whole.len() + 1..][..part.len()].copy_from_slice(part);
            (whole.len() + 2, DIGITS + 1)
        }
        Err(_) => {
            let first = 1 + exponent.unsigned_abs() as usize;
            text[first..first + DIGITS].copy_from_slice(&digits);
            (first + 1, first + DIGITS)
        }
    };
    while end > least && text[end - 1] == b'0' {
        end -= 1;
    }
    &room[usize::from(value > 0.0)..=end]
}

/// A whole number of nine digits as text.
fn spelled(number: u32) -> [u8; DIGITS] {
    let (first, rest) = (number / 100_000_000, number % 100_000_000);
    // Takes both halves apart at once, then all quarters, by multiplication.
    let halves = u64::from(rest / 10_000) | u64::from(rest % 10_000) << 32;
    let tens = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let quarters = tens | (halves - tens * 100) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    let eighths = tens | (quarters - tens * 10) << 8;
    let mut text = [b'0' + first as u8; DIGITS];
    text[1..].copy_from_slice(&(eighths | u64::from_ne_bytes([b'0'; 8])).to_le_bytes());
    text
}

/// The nine digits of a number, as a whole number, and the power of ten of the first.
fn digits(size: f32) -> (u32, i32) {
    // The power of two times log10(2): that of ten, or one less.
    let binary = (size.to_bits() >> 23) as i32 - 127;
    let least = (binary * 1233) >> 12;
    let exponent = least + i32::from(size >= DECADES[(least + 1 - FIRST_POWER) as usize]);
    let shift = POWERS[(DIGITS as i32 - 1 - exponent) as usize];
    let rounded = (f64::from(size) * shift + 0.5) as u32;
    match rounded {
        1_000_000_000 => (100_000_000, exponent + 1),
        digits => (digits, exponent),
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
