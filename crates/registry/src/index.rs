//! Image indexes (OCI) and manifest lists (Docker): which of their manifests is the component's.

use pilotlight_model::Digest;
use serde::Deserialize;

use crate::artifact::{CONFIG, LONGEST_MANIFEST, MANIFEST, shown};
use crate::reference::read_digest;

/// The types of an index: that of the OCI image specification, and Docker's older one.
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// The architecture of WebAssembly (Wasm OCI artifact layout; `wasm32` in older images).
const ARCHITECTURES: [&str; 2] = ["wasm", "wasm32"];
/// Systems that components run on. What is for `wasip1` is a core module.
const SYSTEMS: [&str; 3] = ["wasip3", "wasip2", "wasi"];
/// Set by BuildKit on statements about another manifest of the same index.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// How many manifests a message lists.
const MOST_LISTED: usize = 16;

/// The manifest in an index that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// Finds the one manifest of an index that came as `content_type`; `None` for anything but an
/// index. It is the only one for WebAssembly, or the only one at all.
///
/// # Errors
/// A sentence that says why none is followed.
pub(crate) fn followed(index: &[u8], content_type: &str) -> Result<Option<Entry>, String> {
    // What cannot be read is told of as a manifest that cannot be.
    let Ok(index) = serde_json::from_slice::<Index>(index) else { return Ok(None) };
    let media_type = index.media_type.as_deref().unwrap_or(content_type);
    let is_index = INDEXES.contains(&media_type);
    let Some(manifests) = index.manifests else {
        return if is_index {
            Err("it is an index without `manifests`".to_owned())
        } else {
            Ok(None)
        };
    };
    // Whoever looks at the one sees another artifact than who looks at the other.
    if index.config.is_some() || index.layers.is_some() {
        return Err("it is both an index and a manifest".to_owned());
    }
    if !is_index {
        return Err(format!("it has type {}, not {}", shown(media_type), INDEXES[0]));
    }
    chosen(&manifests)?.entry().map(Some)
}

fn chosen(manifests: &[Descriptor]) -> Result<&Descriptor, String> {
    let mut all: Vec<&Descriptor> = manifests.iter().filter(|found| found.is_artifact()).collect();
    all.sort_by(|one, other| one.digest.cmp(&other.digest));
    all.dedup_by(|one, other| one.digest == other.digest);
    let wasm: Vec<&Descriptor> = all.iter().copied().filter(|found| found.is_wasm()).collect();
    match (&wasm[..], &all[..]) {
        ([one], _) | ([], [one]) => Ok(one),
        ([], []) => Err("it is an index without artifacts".to_owned()),
        ([], several) => {
            let listed = listed(several);
            Err(format!(
                "it is an index of several artifacts, none of which is for wasi/wasm: {listed}"
            ))
        }
        (several, _) => {
            let listed = listed(several);
            Err(format!("it is an index of several artifacts for wasi/wasm: {listed}"))
        }
    }
}

/// Which there are to choose from, and how.
fn listed(manifests: &[&Descriptor]) -> String {
    let shown = manifests.iter().take(MOST_LISTED).map(|found| found.shown());
    let mut listed = shown.collect::<Vec<_>>().join(", ");
    if manifests.len() > MOST_LISTED {
        listed += &format!(" and {} more", manifests.len() - MOST_LISTED);
    }
    listed + "; name one by its digest: REPOSITORY@sha256:DIGEST"
}

impl Descriptor {
    /// Whether it is an artifact, and not a statement about one.
    fn is_artifact(&self) -> bool {
        let annotations = self.annotations.as_ref();
        let about_another = annotations.is_some_and(|all| all.contains_key(REFERENCE_TYPE));
        !about_another && !self.is_for("unknown", "unknown")
    }

    fn is_for(&self, system: &str, architecture: &str) -> bool {
        let platform = self.platform.as_ref();
        platform.is_some_and(|own| own.os == system && own.architecture == architecture)
    }

    /// By its platform, or without one by its type: that of the config where a manifest has no
    /// `artifactType` (OCI image specification).
    fn is_wasm(&self) -> bool {
        match &self.platform {
            Some(platform) => {
                ARCHITECTURES.contains(&&platform.architecture[..])
                    && SYSTEMS.contains(&&platform.os[..])
            }
            None => self.artifact_type.as_deref() == Some(CONFIG),
        }
    }

    fn shown(&self) -> String {
        let platform = self.platform.as_ref();
        let platform = platform.map(|own| format!(" ({}/{})", own.os, own.architecture));
        format!("{}{}", shown(&self.digest), shown(&platform.unwrap_or_default()))
    }

    fn entry(&self) -> Result<Entry, String> {
        if INDEXES.contains(&&self.media_type[..]) {
            return Err("it is an index of an index, which is not supported".to_owned());
        }
        if self.media_type != MANIFEST {
            let media_type = shown(&self.media_type);
            return Err(format!("it is an index of {media_type}, not {MANIFEST}"));
        }
        if self.size > LONGEST_MANIFEST {
            let size = self.size;
            return Err(format!("its manifest has {size} bytes, more than {LONGEST_MANIFEST}"));
        }
        let digest = read_digest(&self.digest).ok_or_else(|| {
            format!("its manifest has no SHA-256 digest: {}", shown(&self.digest))
        })?;
        Ok(Entry { digest, size: self.size })
    }
}
