//! Vectors as JSON, written at once: a crate of its own, so that it is built for speed in the component, too.
//!
//! Numbers have nine digits, by which each f32 can be told from its neighbors (IEEE 754, 5.12.2), instead of as
//! few as possible.

use std::io;

use serde_json::ser::{CompactFormatter, Formatter as _};

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
/// Bytes of the longest number and a comma, rounded up: `-1.17549435e-38,`.
const ROOM: usize = 24;
/// Numbers per block of the output.
const BLOCK: usize = 64;

/// Appends a list of numbers to `json`; those that JSON does not have are null. `values` are f32 in
/// little-endian, one after the other; bytes behind the last whole one are left out.
///
/// # Errors
/// [`io::ErrorKind::WriteZero`] if a number has more than 24 bytes, which no f32 has.
pub fn append(values: &[u8], json: &mut Vec<u8>) -> io::Result<()> {
    let (values, _) = values.as_chunks::<4>();
    json.push(b'[');
    for values in values.chunks(BLOCK) {
        let mut block = [0; BLOCK * ROOM];
        let mut end = 0;
        for value in values {
            end += number(f32::from_le_bytes(*value), &mut block[end..])?;
            block[end] = b',';
            end += 1;
        }
        json.extend_from_slice(&block[..end]);
    }
    json.pop_if(|last| *last == b',');
    json.push(b']');
    Ok(())
}

/// Writes a number into the first [`ROOM`] bytes and returns how many it has.
#[inline]
fn number(value: f32, mut room: &mut [u8]) -> io::Result<usize> {
    if PLAIN.contains(&value.abs())
        && let Some(room) = room.first_chunk_mut()
    {
        return Ok(plain(value, room));
    }
    let all = room.len();
    match value.is_finite() {
        true => CompactFormatter.write_f32(&mut room, value)?,
        false => CompactFormatter.write_null(&mut room)?,
    }
    Ok(all - room.len())
}

/// Writes a number of [`PLAIN`] size and returns how many bytes it has.
#[inline]
fn plain(value: f32, room: &mut [u8; ROOM]) -> usize {
    let (digits, exponent) = digits(value.abs());
    let (first, others) = (b'0' + (digits / 100_000_000) as u8, spelled(digits % 100_000_000));
    let trailing_zeros = others.leading_zeros() as usize / 8;
    let others = (others | u64::from_ne_bytes([b'0'; 8])).to_le_bytes();
    let sign = usize::from(value < 0.0);
    if exponent < 0 {
        room[..8].copy_from_slice(if sign == 1 { b"-0.00000" } else { b"0.000000" });
        // At most five zeros behind the point.
        let start = sign + 1 + (exponent.unsigned_abs() as usize & 7);
        room[start] = first;
        room[start + 1..start + DIGITS].copy_from_slice(&others);
        return start + DIGITS - trailing_zeros;
    }
    // Digits on both sides of the point, at least one on each.
    let whole = exponent as usize & 7;
    room[0] = b'-';
    let room = &mut room[sign..];
    room[0] = first;
    room[1..=whole].copy_from_slice(&others[..whole]);
    room[whole + 1] = b'.';
    room[whole + 2..DIGITS + 1].copy_from_slice(&others[whole..]);
    sign + (DIGITS + 1 - trailing_zeros).max(whole + 3)
}

/// The eight digits of a number, the first of them in the lowest byte.
fn spelled(number: u32) -> u64 {
    // Takes both halves apart at once, then all quarters, by multiplication.
    let halves = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    let tens = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let quarters = tens | (halves - tens * 100) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (quarters - tens * 10) << 8
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

    fn list(values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut json = Vec::new();
        append(&bytes, &mut json).unwrap();
        String::from_utf8(json).unwrap()
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
            (-1.234_568e15, "-1.234568e+15"),
            (f32::NAN, "null"),
            (f32::NEG_INFINITY, "null"),
        ] {
            assert_eq!(list(&[value]), format!("[{expected}]"));
        }
    }

    #[test]
    fn lists_have_any_length() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let values: Vec<f32> = (0..length).map(|index| index as f32 - 1e7).collect();
            let read: Vec<f32> = serde_json::from_str(&list(&values)).unwrap();
            assert_eq!(read, values);
        }
    }

    #[test]
    fn bytes_behind_the_last_number_are_left_out() {
        let mut json = b"{\"row\":".to_vec();
        append(&[0, 0, 0x80, 0x3f, 7], &mut json).unwrap();
        assert_eq!(json, b"{\"row\":[1.0]");
    }

    proptest! {
        #[test]
        fn numbers_are_read_back_exactly(bits in any::<u32>(), near in -1f32..1.0) {
            for value in [f32::from_bits(bits), near, near * 1e-4] {
                if value.is_finite() {
                    let text = list(&[value]);
                    let text = text.trim_matches(&['[', ']'][..]);
                    prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), value.to_bits());
                    prop_assert!(text.contains('.') || text.contains('e'), "{}", text);
                    prop_assert!(serde_json::from_str::<f64>(text).is_ok(), "{}", text);
                }
            }
        }
    }
}
