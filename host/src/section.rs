//! The custom section `pilotlight`: what a snapshot says of itself.

use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

use crate::graph::GraphRecord;

const SECTION: &str = "pilotlight";

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
        };
        assert_eq!(Provenance::of(&component), None);
        provenance.append_to(&mut component).unwrap();
        assert_eq!(Provenance::of(&component), Some(provenance));
        wasmparser::Validator::new().validate_all(&component).unwrap();
    }
}
