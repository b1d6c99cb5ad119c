//! Elements of tensors in JSON.

use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::engine::{Element, Tensor};
use crate::json::row;

/// Elements out of lists in lists, in their order; true is 1 and false is 0. Numbers and strings are kept
/// apart, as no tensor has both.
#[derive(Debug, Default)]
pub struct Flat {
    /// The numbers.
    pub numbers: Vec<serde_json::Number>,
    /// The strings.
    pub strings: Vec<String>,
}

impl Flat {
    /// The numbers as the bytes of their type.
    ///
    /// # Errors
    /// What is wrong with the elements, where one is not of the type.
    pub fn bytes(&self, element: Element) -> Result<Vec<u8>, String> {
        let refuse = || format!("has an element that is not of {}", element.name());
        if !self.strings.is_empty() {
            return Err(refuse());
        }
        let mut bytes = Vec::with_capacity(self.numbers.len() * element.bytes());
        for number in &self.numbers {
            append(number, element, &mut bytes).ok_or_else(refuse)?;
        }
        Ok(bytes)
    }
}

/// Appends the bytes of a number; `None` if it is not of the type.
fn append(number: &serde_json::Number, element: Element, to: &mut Vec<u8>) -> Option<()> {
    match element {
        Element::F32 => {
            let value = number.as_f64()? as f32;
            to.extend(value.is_finite().then(|| value.to_le_bytes())?);
        }
        Element::F64 => to.extend(number.as_f64()?.to_le_bytes()),
        Element::Bool => to.push(u8::from(number.as_u64()? != 0)),
        Element::U8 => to.push(u8::try_from(number.as_u64()?).ok()?),
        Element::I8 => to.extend(i8::try_from(number.as_i64()?).ok()?.to_le_bytes()),
        Element::I16 => to.extend(i16::try_from(number.as_i64()?).ok()?.to_le_bytes()),
        Element::I32 => to.extend(i32::try_from(number.as_i64()?).ok()?.to_le_bytes()),
        Element::I64 => to.extend(number.as_i64()?.to_le_bytes()),
        Element::F16 => to.extend(to_half(number.as_f64()? as f32)?.to_le_bytes()),
    }
    Some(())
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut flat = Self::default();
        from.deserialize_any(Collect(&mut flat))?;
        Ok(flat)
    }
}

struct Collect<'a>(&'a mut Flat);

impl<'de> de::DeserializeSeed<'de> for Collect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers or strings")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.visit_u64(u64::from(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.0.numbers.push(value.into());
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.0.numbers.push(value.into());
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        let number = serde_json::Number::from_f64(value);
        self.0.numbers.push(number.ok_or_else(|| E::custom("not a finite number"))?);
        Ok(())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.0.strings.push(value.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Collect(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// The elements of a tensor as a flat list of numbers; those that JSON does not have are null.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a>(pub &'a Tensor);

/// An element of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// Of 16 or 32 bits.
    F32(f32),
    /// Of 64 bits.
    F64(f64),
    /// Of any number of bits.
    Integer(i64),
    /// True or false.
    Bool(bool),
}

impl<'a> Numbers<'a> {
    /// The elements, row-major.
    pub fn iter(self) -> impl Iterator<Item = Number> + 'a {
        let element = self.0.element;
        self.0.bytes.chunks_exact(element.bytes()).map(move |bytes| Number::read(element, bytes))
    }

    /// Whether JSON has all of them.
    pub fn are_finite(self) -> bool {
        match self.0.element {
            Element::F32 => self.f32s().all(f32::is_finite),
            Element::F16 | Element::F64 => self.iter().all(|number| match number {
                Number::F32(value) => value.is_finite(),
                Number::F64(value) => value.is_finite(),
                _ => true,
            }),
            _ => true,
        }
    }

    /// The elements of a tensor of 32-bit floats.
    fn f32s(self) -> impl Iterator<Item = f32> {
        let (values, _) = self.0.bytes.as_chunks::<4>();
        values.iter().map(|value| f32::from_le_bytes(*value))
    }
}

impl Number {
    /// Reads the bytes of an element.
    fn read(element: Element, bytes: &[u8]) -> Self {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let bits = u64::from_le_bytes(wide);
        match element {
            Element::F32 => Self::F32(f32::from_bits(bits as u32)),
            Element::F64 => Self::F64(f64::from_bits(bits)),
            Element::F16 => Self::F32(half(bits as u16)),
            Element::Bool => Self::Bool(bits != 0),
            Element::U8 => Self::Integer(bits as i64),
            Element::I8 => Self::Integer(i64::from(bits as i8)),
            Element::I16 => Self::Integer(i64::from(bits as i16)),
            Element::I32 => Self::Integer(i64::from(bits as i32)),
            Element::I64 => Self::Integer(bits as i64),
        }
    }
}

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.element {
            Element::F32 => row(&self.0.bytes, to),
            _ => to.collect_seq(self.iter()),
        }
    }
}

/// The value of a 16-bit float (IEEE 754, binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023) / 1024.0);
    sign * match exponent {
        0 => fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}

/// The nearest 16-bit float, the even one of two; `None` beyond the largest.
fn to_half(value: f32) -> Option<u16> {
    let sign = if value.is_sign_negative() { 1 << 15 } else { 0 };
    // In units of the smallest number; up to 2 to the power of 11 of them are exact.
    let units = value.abs() * 2f32.powi(24);
    if units < 2f32.powi(11) {
        return Some(sign | units.round_ties_even() as u16);
    }
    // Of the 23 bits of the fraction 10 are kept, and the exponent begins at 15 instead of 127.
    let bits = value.abs().to_bits();
    let rounded = bits + 0xfff + (bits >> 13 & 1);
    let half = (rounded >> 13).checked_sub(112 << 10)?;
    (half < 31 << 10).then_some(sign | half as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_float_is_written_and_read() {
        for bits in (0..=u16::MAX).filter(|bits| half(*bits).is_finite()) {
            assert_eq!(to_half(half(bits)), Some(bits), "{bits:#x}");
        }
    }

    #[test]
    fn numbers_between_are_rounded_to_the_nearer_one() {
        for (value, bits) in [
            (1.0 + 1.0 / 2048.0, Some(0x3c00)),
            (1.0 + 3.0 / 2048.0, Some(0x3c02)),
            (1.0 + 1.1 / 2048.0, Some(0x3c01)),
            (65519.0, Some(0x7bff)),
            (65520.0, None),
            (-1e30, None),
            (3e-8, Some(1)),
            (-2e-8, Some(0x8000)),
            (f32::INFINITY, None),
            (f32::NAN, None),
        ] {
            assert_eq!(to_half(value), bits, "{value}");
        }
    }
}
