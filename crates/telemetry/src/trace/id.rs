use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// A trace's name: 16 bytes that are not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// A span's name: 8 bytes that are not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

macro_rules! id {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// Draws a new one.
            pub fn draw() -> Self {
                loop {
                    if let Some(id) = Self::new(draw()) {
                        return id;
                    }
                }
            }

            /// `None` for zeros.
            pub fn new(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }

            /// Reads lower-case hexadecimal digits, as W3C Trace Context writes them.
            pub fn parse(text: &str) -> Option<Self> {
                let mut bytes = [0; $bytes];
                read_hex(text.as_bytes(), &mut bytes)?;
                Self::new(bytes)
            }

            /// The bytes.
            pub fn bytes(self) -> [u8; $bytes] {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $bytes];
                f.write_str(write_hex(&self.0, &mut digits))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16);
id!(SpanId, 8);

impl TraceId {
    /// The 56 bits that are random in every new trace (W3C Trace Context level 2, 3.2.2.4).
    pub(crate) fn randomness(self) -> u64 {
        self.0[9..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Reads exactly `into.len()` bytes of lower-case hexadecimal digits.
pub(super) fn read_hex(text: &[u8], into: &mut [u8]) -> Option<()> {
    if text.len() != 2 * into.len() {
        return None;
    }
    for (byte, digits) in into.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(())
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

fn write_hex<'a>(bytes: &[u8], digits: &'a mut [u8]) -> &'a str {
    for (byte, pair) in bytes.iter().zip(digits.chunks_exact_mut(2)) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    str::from_utf8(digits).unwrap_or_default()
}

thread_local! {
    static GENERATOR: RefCell<SmallRng> = RefCell::new(SmallRng::from_seed(seed()));
}

/// Names have to be different, not hard to guess: a fast generator for each thread is enough.
fn draw<const N: usize>() -> [u8; N] {
    GENERATOR.with_borrow_mut(|generator| generator.random())
}

/// A number from 0 up to 1, for spreading out what would happen at the same time.
#[cfg(feature = "otlp")]
pub(crate) fn draw_share() -> f64 {
    GENERATOR.with_borrow_mut(|generator| generator.random())
}

/// From the system; where it has no random numbers, from what the hasher of maps gathers.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    if getrandom::fill(&mut seed).is_err() {
        for part in seed.chunks_exact_mut(8) {
            let number = RandomState::new().hash_one(std::thread::current().id());
            part.copy_from_slice(&number.to_le_bytes());
        }
    }
    seed
}
