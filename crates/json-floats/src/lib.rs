//! 32-bit floats as JSON, written faster than serde_json would: with nine digits, by which each can be told from its
//! neighbors (IEEE 754, 5.12.2), instead of as few as possible.
//!
//! A crate of its own, as it is built for speed where what surrounds it is built for size. It depends on nothing of
//! the workspace.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::ops::Range;

/// Significant digits.
const DIGITS: usize = 9;
/// Powers of ten that f64 has exactly, from 10^0.
const POWERS: [f64; 15] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];
/// Numbers of this range are written with nine digits.
const PLAIN: Range<f32> = 2e-5..1e8;
/// Powers of ten from 10^[`FIRST_POWER`].
const DECADES: [f32; 14] =
    [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
const FIRST_POWER: i32 = -5;
/// Bytes of a sign, a point, leading zeros and the digits.
const ROOM: usize = 16;

/// A text that grows by numbers. Copies of a size that is known are moves of registers, and no calls.
#[derive(Debug, Default)]
pub struct Text(pub Vec<u8>);

/// Bytes of half a number.
const HALF: usize = 8;

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

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

/// A number of ordinary size as it is written.
#[derive(Debug)]
pub struct Number {
    room: [u8; ROOM],
    place: Range<usize>,
}

impl Number {
    /// The number, if it is finite and its size is from 2e-5 to 1e8.
    pub fn new(value: f32) -> Option<Self> {
        if !PLAIN.contains(&value.abs()) {
            return None;
        }
        let mut room = *b"-0.000000000000.";
        let place = plain(value, &mut room);
        Some(Self { room, place })
    }

    /// Its text.
    pub fn text(&self) -> &[u8] {
        &self.room[self.place.clone()]
    }
}

/// Writes a number of [`PLAIN`] size into `room`, and gives its place there.
fn plain(value: f32, room: &mut [u8; ROOM]) -> Range<usize> {
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
    usize::from(value > 0.0)..end + 1
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
