//! The manifest and the config of a Wasm artifact, written and read.

use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

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

/// The names that a component exports and imports, in its order.
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
    #[serde(skip_serializing_if = "is_empty")]
    annotations: &'a Annotations,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

fn is_empty(annotations: &&Annotations) -> bool {
    **annotations == Annotations::default()
}

impl Artifact {
    /// The artifact of `component`.
    ///
    /// # Errors
    /// [`Error::Component`] if it is none.
    pub(crate) fn of(component: &[u8], annotations: &Annotations) -> Result<Self> {
        let world = World::of(component)?;
        let layer = Digest::of(component);
        let config = json(&Config {
            created: CREATED,
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [format!("sha256:{layer}")],
            component: world,
        })?;
        let manifest = json(&Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: Descriptor::new(CONFIG, Digest::of(&config), config.len()),
            layers: [Descriptor::new(LAYER, layer, component.len())],
            annotations,
        })?;
        Ok(Self { layer, config, manifest })
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Component(error.to_string()))
}

impl Descriptor {
    fn new(media_type: &str, digest: Digest, size: usize) -> Self {
        let digest = format!("sha256:{digest}");
        Self { media_type: media_type.to_owned(), digest, size: size as u64 }
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
                        self.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        self.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The layer that holds an artifact's component.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// A manifest of whatever kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyManifest {
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

impl Layer {
    /// Finds the component in a manifest, which came as `content_type`.
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
        Self::in_layers(&layers)
    }

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
