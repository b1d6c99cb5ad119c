//! The manifest and the config of a Wasm artifact, written and read.

use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wasmparser::{ComponentExternalKind, Parser, Payload};

use crate::error::{Error, Result};
use crate::reference::read_digest;

/// The type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The type of a Wasm artifact's config.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The type of its layer.
pub(crate) const LAYER: &str = "application/wasm";
/// Longest manifest that registries have to take (OCI distribution specification).
pub(crate) const LONGEST_MANIFEST: u64 = 4 << 20;
/// The layout wants a time. With the true one, the same component would get another digest each
/// time that it is pushed.
const CREATED: &str = "1970-01-01T00:00:00Z";
/// Annotations of a component's manifest that name the graph which the host computes for it.
const GRAPH_DIGEST: &str = "vnd.pilotlight.graph.digest";
const GRAPH_SIZE: &str = "vnd.pilotlight.graph.size";
/// What goes on in a message about a manifest of someone else's making.
const LONGEST_SHOWN: usize = 100;

/// Annotations of a manifest, with the keys of the OCI image specification. They contain no time,
/// so that the same component and annotations result in the same manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Annotations {
    /// Title.
    #[serde(rename = "org.opencontainers.image.title", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does.
    #[serde(
        rename = "org.opencontainers.image.description",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
    /// Its version.
    #[serde(rename = "org.opencontainers.image.version", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its licenses, as an SPDX expression.
    #[serde(rename = "org.opencontainers.image.licenses", skip_serializing_if = "Option::is_none")]
    pub licenses: Option<String>,
    /// URL of the source code.
    #[serde(rename = "org.opencontainers.image.source", skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A blob of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A Wasm artifact, but for its layer.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) layer: Digest,
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: World,
}

/// The interfaces and functions that a component exports and imports, in its order. Types are not listed:
/// no host has to provide them.
#[derive(Default, Serialize)]
struct World {
    exports: Vec<String>,
    imports: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    #[serde(skip_serializing_if = "AllAnnotations::is_empty")]
    annotations: AllAnnotations<'a>,
}

/// Annotations of the component, and of its graph, whose values are strings (OCI image specification).
#[derive(Serialize)]
struct AllAnnotations<'a> {
    #[serde(flatten)]
    component: &'a Annotations,
    #[serde(rename = "vnd.pilotlight.graph.digest", skip_serializing_if = "Option::is_none")]
    graph_digest: Option<String>,
    #[serde(rename = "vnd.pilotlight.graph.size", skip_serializing_if = "Option::is_none")]
    graph_size: Option<String>,
}

/// A descriptor of a blob or a manifest.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl AllAnnotations<'_> {
    fn is_empty(&self) -> bool {
        *self.component == Annotations::default() && self.graph_digest.is_none()
    }
}

impl Artifact {
    /// The artifact of `component`, for which the host computes `graph`.
    ///
    /// # Errors
    /// [`Error::Component`] if it is none.
    pub(crate) fn of(
        component: &[u8],
        graph: Option<Blob>,
        annotations: &Annotations,
    ) -> Result<Self> {
        let world = World::of(component)?;
        let layer = Blob::of(component);
        let config = json(&Config {
            created: CREATED,
            architecture: "wasm",
            os: world.os(),
            layer_digests: [format!("sha256:{}", layer.digest)],
            component: world,
        })?;
        let annotations = AllAnnotations {
            component: annotations,
            graph_digest: graph.map(|graph| format!("sha256:{}", graph.digest)),
            graph_size: graph.map(|graph| graph.size.to_string()),
        };
        let manifest = json(&Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: Descriptor::new(CONFIG, Blob::of(&config)),
            layers: [Descriptor::new(LAYER, layer)],
            annotations,
        })?;
        Ok(Self { layer: layer.digest, config, manifest })
    }
}

pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Component(error.to_string()))
}

impl Blob {
    /// The blob with this content.
    pub(crate) fn of(content: &[u8]) -> Self {
        Self { digest: Digest::of(content), size: content.len() as u64 }
    }
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, blob: Blob) -> Self {
        let digest = format!("sha256:{}", blob.digest);
        Self { media_type: media_type.to_owned(), digest, size: blob.size }
    }
}

impl World {
    fn of(component: &[u8]) -> Result<Self> {
        if !Parser::is_component(component) {
            let core = Parser::is_core_wasm(component);
            let what =
                if core { "it is a core module, not a component" } else { "it is not WebAssembly" };
            return Err(Error::Component(what.to_owned()));
        }
        let mut world = Self::default();
        world.read(component).map_err(|error| Error::Component(error.to_string()))?;
        Ok(world)
    }

    fn read(&mut self, component: &[u8]) -> wasmparser::Result<()> {
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import?;
                        if is_listed(import.ty.kind()) {
                            self.imports.push(import.name.name.to_owned());
                        }
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export?;
                        if is_listed(export.kind) {
                            self.exports.push(export.name.name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The system that the component needs. The layout's list ends with `wasip2`, because it is older than
    /// WASI 0.3; a host with WASI 0.2 alone cannot run what needs WASI 0.3.
    fn os(&self) -> &'static str {
        let needs_0_3 = |name: &String| {
            let versioned = name.strip_prefix("wasi:").and_then(|name| name.split_once('@'));
            versioned.is_some_and(|(_, version)| version.starts_with("0.3."))
        };
        if self.exports.iter().chain(&self.imports).any(needs_0_3) { "wasip3" } else { "wasip2" }
    }
}

fn is_listed(kind: ComponentExternalKind) -> bool {
    matches!(kind, ComponentExternalKind::Instance | ComponentExternalKind::Func)
}

/// The blobs of an artifact.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blobs {
    pub(crate) component: Blob,
    /// The graph that the host computes for it.
    pub(crate) graph: Option<Blob>,
}

/// A manifest of whatever kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyManifest {
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    annotations: Option<Map<String, Value>>,
}

impl Blobs {
    /// Finds the component and its graph in a manifest, which came as `content_type`.
    ///
    /// # Errors
    /// A sentence that says what the manifest is instead.
    pub(crate) fn of(manifest: &[u8], content_type: &str) -> std::result::Result<Self, String> {
        let manifest: AnyManifest = serde_json::from_slice(manifest)
            .map_err(|error| format!("its manifest cannot be read ({error})"))?;
        let media_type = manifest.media_type.as_deref().unwrap_or(content_type);
        if media_type != MANIFEST {
            return Err(format!("it has type {}, not {MANIFEST}", shown(media_type)));
        }
        let (Some(config), Some(layers)) = (manifest.config, manifest.layers) else {
            return Err("its manifest has no config or no layers".to_owned());
        };
        if config.media_type != CONFIG {
            let found = shown(&config.media_type);
            return Err(format!("its config has type {found}, not {CONFIG}"));
        }
        let component = Blob::in_layers(&layers)?;
        let graph = Blob::in_annotations(&manifest.annotations.unwrap_or_default())?;
        Ok(Self { component, graph })
    }
}

impl Blob {
    /// The one layer that is a component.
    fn in_layers(layers: &[Descriptor]) -> std::result::Result<Self, String> {
        let mut components = layers.iter().filter(|layer| layer.media_type == LAYER);
        let layer = match (components.next(), components.count()) {
            (Some(layer), 0) => layer,
            (Some(_), more) => {
                return Err(format!("it has {} layers of type {LAYER}, not one", more + 1));
            }
            (None, _) => {
                let types: Vec<_> = layers.iter().map(|layer| &layer.media_type[..]).collect();
                let found = if types.is_empty() { "it has no layers" } else { &types.join(", ") };
                return Err(format!("none of its layers is of type {LAYER}: {}", shown(found)));
            }
        };
        let digest = read_digest(&layer.digest)
            .ok_or_else(|| format!("its layer has no SHA-256 digest: {}", shown(&layer.digest)))?;
        Ok(Self { digest, size: layer.size })
    }

    /// The graph that annotations name.
    fn in_annotations(
        annotations: &Map<String, Value>,
    ) -> std::result::Result<Option<Self>, String> {
        let Some(digest) = annotations.get(GRAPH_DIGEST) else { return Ok(None) };
        let digest = digest.as_str().and_then(read_digest);
        let size = annotations.get(GRAPH_SIZE).and_then(Value::as_str);
        match (digest, size.and_then(|size| size.parse().ok())) {
            (Some(digest), Some(size)) => Ok(Some(Self { digest, size })),
            _ => Err(format!(
                "its annotations {GRAPH_DIGEST} and {GRAPH_SIZE} are not a SHA-256 digest and a size"
            )),
        }
    }
}

/// Somebody else's text in a message of ours: short, and without what a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = visible.take(LONGEST_SHOWN).collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
