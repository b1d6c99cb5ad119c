//! The manifest that a component is sealed with: where it comes from and what it holds.

use std::collections::BTreeMap;

use pilotlight_bundle::{Broken, Bundle};
use pilotlight_model::{Digest, Labels};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::graph::GraphRecord;
use crate::precision::Precision;

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

/// A request and its answer, to try a version out with before it serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The path that it is posted to.
    pub path: String,
    /// The JSON that is posted.
    pub request: serde_json::Value,
    /// The JSON that is answered; numbers with a fraction are rounded to four decimals.
    pub answer: serde_json::Value,
}

/// Where a snapshot comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleManifest {
    /// What the function answers to `GET /info`: model, task, licence, digests, labels.
    pub info: serde_json::Value,
    /// SHA-256 of the model's files, by their names.
    #[serde(default)]
    pub files: BTreeMap<String, Digest>,
    /// SHA-256 of the guest component that was pre-initialized.
    pub guest: Digest,
    /// Version of Pilotlight that built it.
    pub pilotlight: String,
    /// Version of Wasmtime that ran its initializer.
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
    /// What it answered when it was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

impl BundleManifest {
    /// Longest body of a request that the function accepts, by its model's manifest; 0 says nothing.
    pub fn max_body_bytes(&self) -> Option<u64> {
        self.info["limits"]["max-body-bytes"].as_u64().filter(|bytes| *bytes > 0)
    }

    /// Seals a component with it, in the place of the seal that it has.
    ///
    /// # Errors
    /// When what is there already cannot be told from a seal.
    pub fn seal(&self, component: &mut Vec<u8>) -> Result<()> {
        let manifest = serde_json::to_vec(self).map_err(|error| refuse(&error))?;
        pilotlight_bundle::seal(component, &manifest).map_err(|error| refuse(&error)).map(drop)
    }

    /// The labels of its model, if it says them.
    pub fn labels(&self) -> Option<Labels> {
        let names = self.info.get("labels")?.as_array()?.iter();
        let names = names.map(|name| name.as_str().map(str::to_owned));
        let names = names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty());
        names.map(Labels::new)
    }

    /// Reads what a component was sealed with; `None` if it is not sealed, or by somebody else with
    /// something else.
    ///
    /// # Errors
    /// When it is not what was sealed any more.
    pub fn of(component: &[u8]) -> std::result::Result<Option<Self>, Broken> {
        Ok(Bundle::read(component)?.as_ref().and_then(Self::of_bundle))
    }

    /// What a bundle's manifest says, if it is one of ours.
    pub(crate) fn of_bundle(bundle: &Bundle<'_>) -> Option<Self> {
        serde_json::from_slice(bundle.manifest()).ok()
    }
}

fn refuse(error: &dyn std::fmt::Display) -> Error {
    Error::Refused(format!("the component cannot be sealed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_back_and_the_component_stays_valid() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        let manifest = BundleManifest {
            info: serde_json::json!({"model": "m", "labels": vec!["LABEL"; 100]}),
            files: BTreeMap::from([("model.onnx".into(), Digest::of(b"model"))]),
            guest: Digest::of(b"guest"),
            pilotlight: "1".into(),
            wasmtime: "2".into(),
            graph: None,
            precision: None,
            agreement: None,
            sample: None,
        };
        assert_eq!(BundleManifest::of(&component).unwrap(), None);
        manifest.seal(&mut component).unwrap();
        assert_eq!(BundleManifest::of(&component).unwrap().as_ref(), Some(&manifest));
        let agreement = Agreement { texts: 1, tokens: 3, equal: 2, largest_difference: 0.1 };
        let agreed = BundleManifest { agreement: Some(agreement), ..manifest };
        agreed.seal(&mut component).unwrap();
        assert_eq!(BundleManifest::of(&component).unwrap(), Some(agreed));
        wasmparser::Validator::new().validate_all(&component).unwrap();
        component[20] ^= 1;
        assert!(BundleManifest::of(&component).is_err());
    }
}
