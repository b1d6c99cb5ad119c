//! The custom section `pilotlight`: what a snapshot says of itself.

use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

use crate::graph::{GraphRecord, Precision};

const SECTION: &str = "pilotlight";

/// Labels of the same tokens, compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Texts that were labelled.
    pub texts: usize,
    /// Tokens in them.
    pub tokens: usize,
    /// Tokens with the same label.
    pub equal: usize,
    /// Largest difference between the probabilities of the same label.
    pub largest_difference: f32,
}

impl Agreement {
    /// Share of equal labels, 0 to 1.
    pub fn share(&self) -> f64 {
        if self.tokens == 0 { 0.0 } else { self.equal as f64 / self.tokens as f64 }
    }
}

/// Where a snapshot comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What the function answers to `GET /info`: model, task, licence, digests, labels.
    pub info: serde_json::Value,
    /// SHA-256 of the guest component that was pre-initialised.
    pub guest: Digest,
    /// Version of Pilotlight that built it.
    pub pilotlight: String,
    /// Version of Wasmtime that ran its initialiser.
    pub wasmtime: String,
    /// The graph that the host has to compute for it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphRecord>,
    /// Numbers that the sandbox computes products in, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// How often its labels are those of f32, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
}

impl Provenance {
    /// Appends the section to a component.
    pub(crate) fn append_to(&self, component: &mut Vec<u8>) -> serde_json::Result<()> {
        let content = serde_json::to_vec(self)?;
        let mut body = Vec::with_capacity(content.len() + SECTION.len() + 1);
        leb128(SECTION.len(), &mut body);
        body.extend_from_slice(SECTION.as_bytes());
        body.extend_from_slice(&content);
        component.push(0);
        leb128(body.len(), component);
        component.extend_from_slice(&body);
        Ok(())
    }

    /// Notes in the section that a snapshot ends with how often its labels are those of f32;
    /// false, and nothing is changed, if there is none.
    pub fn note_agreement(component: &mut Vec<u8>, agreement: Agreement) -> bool {
        let Some(mut provenance) = Self::of(component) else { return false };
        let mut section = Vec::new();
        if provenance.append_to(&mut section).is_err() || !component.ends_with(&section) {
            return false;
        }
        provenance.agreement = Some(agreement);
        let mut noted = Vec::new();
        if provenance.append_to(&mut noted).is_err() {
            return false;
        }
        component.truncate(component.len() - section.len());
        component.extend_from_slice(&noted);
        true
    }

    /// Reads the section of a component; `None` if it has none or it is malformed.
    pub fn of(component: &[u8]) -> Option<Self> {
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                    return serde_json::from_slice(section.data()).ok();
                }
                _ => {}
            }
        }
        None
    }
}

/// Unsigned LEB128 (WebAssembly core specification, 5.2.2).
pub(crate) fn leb128(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_back_and_the_component_stays_valid() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        let provenance = Provenance {
            info: serde_json::json!({"model": "m", "labels": vec!["LABEL"; 100]}),
            guest: Digest::of(b"guest"),
            pilotlight: "1".into(),
            wasmtime: "2".into(),
            graph: None,
            precision: None,
            agreement: None,
        };
        assert_eq!(Provenance::of(&component), None);
        provenance.append_to(&mut component).unwrap();
        assert_eq!(Provenance::of(&component), Some(provenance));
        wasmparser::Validator::new().validate_all(&component).unwrap();
        let agreement = Agreement { texts: 1, tokens: 3, equal: 2, largest_difference: 0.1 };
        assert!(Provenance::note_agreement(&mut component, agreement));
        assert_eq!(Provenance::of(&component).unwrap().agreement, Some(agreement));
        wasmparser::Validator::new().validate_all(&component).unwrap();
    }
}
