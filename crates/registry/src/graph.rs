//! The manifest that keeps a component's graph in a registry.
//!
//! Readers of the Wasm layout refuse an artifact with a second layer, so a graph has a manifest of its
//! own, which refers to that of the component by `subject` (OCI image specification 1.1). Registries keep
//! it for as long as the component's manifest.

use serde::Serialize;
use serde_json::{Value, json};

use crate::artifact::{Blob, Descriptor, MANIFEST, json as to_json};
use crate::error::Result;

/// The type of an index.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The config of artifacts that need none, and its content.
pub(crate) const NO_CONFIG: &[u8] = b"{}";
/// The type of an artifact that is a graph, and of its layer: an ONNX file, or a package of several graphs.
const GRAPH: &str = "application/vnd.pilotlight.graph.v1";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    artifact_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    subject: Descriptor,
}

/// The manifest of `graph`, which belongs to the component whose manifest is `subject`.
pub(crate) fn manifest(graph: Blob, subject: &[u8]) -> Result<Vec<u8>> {
    to_json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        artifact_type: GRAPH,
        config: Descriptor::new(EMPTY, Blob::of(NO_CONFIG)),
        layers: [Descriptor::new(GRAPH, graph)],
        subject: Descriptor::new(MANIFEST, Blob::of(subject)),
    })
}

/// The index of referrers `before` with the graph's `manifest`; `None` if it lists it already.
///
/// # Errors
/// What `before` is instead of an index.
pub(crate) fn with_referrer(
    before: Option<&[u8]>,
    manifest: &[u8],
) -> std::result::Result<Option<Vec<u8>>, String> {
    let mut index: Value = match before {
        Some(before) => serde_json::from_slice(before).map_err(|error| error.to_string())?,
        None => json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
    };
    let Some(manifests) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
        return Err("it is not an index".to_owned());
    };
    let Blob { digest, size } = Blob::of(manifest);
    let digest = format!("sha256:{digest}");
    if manifests.iter().any(|listed| listed["digest"] == digest[..]) {
        return Ok(None);
    }
    manifests.push(json!({
        "mediaType": MANIFEST, "digest": digest, "size": size, "artifactType": GRAPH,
    }));
    serde_json::to_vec(&index).map(Some).map_err(|error| error.to_string())
}
