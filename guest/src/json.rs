//! Answers as JSON. Vectors are written at once, not number by number.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use crate::api::ApiError;
use crate::engine::bytes_of;

/// Initial capacity in bytes; most answers fit.
const SMALL: usize = 128;

/// Writes an answer.
///
/// # Errors
/// [`ApiError::Internal`]; none of our types provokes it.
pub fn write(answer: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut json = Vec::with_capacity(SMALL);
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, Vectors);
    answer.serialize(&mut serializer).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(json)
}

/// A vector in an answer that [`write()`] writes: a list of numbers, null for those that JSON does not have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<R>(pub R);

impl<R: AsRef<[f32]>> Serialize for Row<R> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        row(bytes_of(self.0.as_ref()), to)
    }
}

/// Writes a vector, given as f32 in little-endian, as [`Row`] does.
///
/// # Errors
/// Those of `to`.
pub fn row<S: Serializer>(values: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(values)
}

/// Writes byte arrays as vectors of f32: [`row`] passes them, and no answer has other byte arrays.
struct Vectors;

impl Formatter for Vectors {
    fn write_byte_array<W: ?Sized + Write>(&mut self, to: &mut W, values: &[u8]) -> io::Result<()> {
        // About twelve bytes for each four.
        let mut list = Vec::with_capacity(3 * values.len() + 2);
        pilotlight_json_floats::append(values, &mut list)?;
        to.write_all(&list)
    }
}
