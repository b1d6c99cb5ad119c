//! The manifest that a component is sealed with: where it comes from and what it holds.

use std::collections::BTreeMap;

use pilotlight_bundle::{Broken, Bundle};
use pilotlight_model::{Digest, Labels};
use pilotlight_wire::split::Split;
use serde::{Deserialize, Deserializer, Serialize};

use crate::agreement::{AccuracyCheck, Agreement};
use crate::error::{Error, Result};
use crate::graph::GraphRecord;
use crate::precision::Precision;
use crate::sample::Sample;

/// Endpoint of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The task; empty if it is none.
    pub task: String,
}

/// A path whose requests are answered while they are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The path that requests are posted to.
    pub path: String,
    /// Duration of a session's data that is computed at once, in milliseconds.
    pub period_ms: u32,
    /// Paths at which a WebSocket is such a request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<String>,
}

/// Manifest of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleManifest {
    /// Answer to `GET /info`: model, task, license, digests, labels.
    pub info: serde_json::Value,
    /// The model's own task; empty in what was built before components told.
    #[serde(default)]
    pub task: String,
    /// Endpoints; empty in components of earlier versions.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Which requests with a list of texts can be answered in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Split>,
    /// Which requests are answered while they are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
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
    /// How two builds of its model are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_check: Option<AccuracyCheck>,
    /// Agreement with f32, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_known")]
    pub agreement: Option<Agreement>,
    /// Sample request and its answer at build time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

impl BundleManifest {
    /// Whether the function says that it answers `method` at `path`; `None` if it does not say what
    /// it answers.
    fn answers(&self, method: &str, path: &str) -> Option<bool> {
        let at = |endpoint: &Endpoint| endpoint.method == method && endpoint.path == path;
        (!self.endpoints.is_empty()).then(|| self.endpoints.iter().any(at))
    }

    /// Whether the function says that it finds the entities of texts for a de-identification; `None`
    /// if it does not say what it answers.
    pub fn redacts(&self) -> Option<bool> {
        self.answers("POST", "/v1/redact")
    }

    /// Maximum size of a request body in bytes, from the model's manifest; 0 means that it is
    /// unknown.
    pub fn max_body_bytes(&self) -> Option<u64> {
        self.info["limits"]["max-body-bytes"].as_u64().filter(|bytes| *bytes > 0)
    }

    /// Maximum number of texts in a request, from the model's manifest; `None` if it is unknown.
    pub fn max_texts(&self) -> Option<usize> {
        usize::try_from(self.info["limits"]["max-inputs"].as_u64()?).ok()
    }

    /// Seals a component with it, in the place of the seal that it has.
    ///
    /// # Errors
    /// When what is there already cannot be told from a seal.
    pub fn seal(&self, component: &mut Vec<u8>) -> Result<()> {
        let manifest = serde_json::to_vec(self).map_err(|error| refuse(&error))?;
        pilotlight_bundle::seal(component, &manifest).map_err(|error| refuse(&error)).map(drop)
    }

    /// The labels of its model, with those of its recognizers, if it says them.
    pub fn labels(&self) -> Option<Labels> {
        let names = |key: &str| {
            let names = self.info.get(key)?.as_array()?.iter();
            names.map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        let labels = names("labels").filter(|names| !names.is_empty()).map(Labels::new)?;
        Some(labels.with_groups(names("recognized_labels").unwrap_or_default()))
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

/// What earlier versions measured had another form, and is worth no refusal.
fn if_known<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<Agreement>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

fn refuse(error: &dyn std::fmt::Display) -> Error {
    Error::Refused(format!("the manifest cannot be written to the component: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::Measure;

    fn manifest() -> BundleManifest {
        BundleManifest {
            info: serde_json::json!({"model": "m", "labels": vec!["LABEL"; 100]}),
            task: "text-classification".into(),
            endpoints: vec![Endpoint {
                method: "POST".into(),
                path: "/".into(),
                task: "text-classification".into(),
            }],
            splits: vec![Split { path: "/".into(), texts: "inputs".into(), ..Split::default() }],
            sessions: vec![Session {
                path: "/".into(),
                period_ms: 32,
                sockets: vec!["/socket".into()],
            }],
            files: BTreeMap::from([("model.onnx".into(), Digest::of(b"model"))]),
            guest: Digest::of(b"guest"),
            pilotlight: "1".into(),
            wasmtime: "2".into(),
            graph: None,
            precision: None,
            accuracy_check: Some(AccuracyCheck {
                path: "/".into(),
                request: serde_json::json!({"inputs": "{text}"}),
                values: "/*/label".into(),
                measure: Measure::Equal,
                threshold: 0.995,
            }),
            agreement: None,
            sample: None,
        }
    }

    #[test]
    fn what_is_sealed_is_read_back_and_the_component_stays_valid() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        let manifest = manifest();
        assert_eq!(BundleManifest::of(&component).unwrap(), None);
        manifest.seal(&mut component).unwrap();
        assert_eq!(BundleManifest::of(&component).unwrap().as_ref(), Some(&manifest));
        let agreement = Agreement {
            measure: Measure::Equal,
            texts: 1,
            values: 4,
            share: 0.75,
            largest_difference: Some(0.125),
        };
        let agreed = BundleManifest { agreement: Some(agreement), ..manifest };
        agreed.seal(&mut component).unwrap();
        assert_eq!(BundleManifest::of(&component).unwrap(), Some(agreed));
        wasmparser::Validator::new().validate_all(&component).unwrap();
        component[20] ^= 1;
        assert!(BundleManifest::of(&component).is_err());
    }

    #[test]
    fn what_an_earlier_version_sealed_is_read() {
        let mut sealed = serde_json::to_value(manifest()).unwrap();
        let fields = sealed.as_object_mut().unwrap();
        for name in ["task", "endpoints", "splits", "sessions", "accuracy_check"] {
            fields.remove(name);
        }
        let measured = serde_json::json!({"texts": 1, "tokens": 3, "equal": 2});
        fields.insert("agreement".into(), measured);
        let read: BundleManifest = serde_json::from_value(sealed).unwrap();
        let expected = BundleManifest {
            task: String::new(),
            endpoints: vec![],
            splits: vec![],
            sessions: vec![],
            accuracy_check: None,
            ..manifest()
        };
        assert_eq!(read, expected);
        assert_eq!(
            (read.answers("POST", "/"), manifest().answers("POST", "/")),
            (None, Some(true))
        );
        assert_eq!(manifest().answers("GET", "/"), Some(false));
    }
}
