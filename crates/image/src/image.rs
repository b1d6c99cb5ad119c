use serde_json::{Value, json};

use crate::layer::Layer;

/// Media type of layers.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Media type of the configuration.
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of manifests.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Constant, so that builds are reproducible.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// How a container of an image runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `amd64` or `arm64`.
    pub architecture: String,
    /// User and group, `65532:65532`.
    pub user: String,
    /// Path of the program.
    pub entrypoint: Vec<String>,
    /// Default arguments.
    pub arguments: Vec<String>,
    /// `NAME=VALUE`.
    pub environment: Vec<String>,
    /// TCP ports that it listens on.
    pub ports: Vec<u16>,
    /// Labels of the configuration and annotations of the manifest.
    pub labels: Vec<(String, String)>,
}

/// An image: layers and how a container of them runs (OCI Image Format Specification 1.1).
#[derive(Debug)]
pub struct Image {
    /// From bottom to top.
    pub layers: Vec<Layer>,
    /// How a container runs.
    pub settings: Settings,
}

impl Image {
    /// Length of all layers in bytes.
    pub fn length(&self) -> u64 {
        self.layers.iter().map(Layer::length).sum()
    }

    pub(crate) fn config(&self) -> Value {
        let Settings { architecture, user, entrypoint, arguments, environment, .. } =
            &self.settings;
        let ports = self.settings.ports.iter().map(|port| (format!("{port}/tcp"), json!({})));
        let history = self.layers.iter().map(
            |layer| json!({"created": CREATED, "created_by": "pilotlight", "comment": layer.title}),
        );
        json!({
            "created": CREATED,
            "architecture": architecture,
            "os": "linux",
            "config": {
                "User": user,
                "ExposedPorts": ports.collect::<serde_json::Map<_, _>>(),
                "Env": environment,
                "Entrypoint": entrypoint,
                "Cmd": arguments,
                "WorkingDir": "/",
                "Labels": self.labels(),
                "StopSignal": "SIGTERM",
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": self.layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>(),
            },
            "history": history.collect::<Vec<_>>(),
        })
    }

    pub(crate) fn manifest(&self, config_digest: &str, config_length: usize) -> Value {
        let layers = self
            .layers
            .iter()
            .map(|layer| json!({"mediaType": LAYER, "digest": layer.digest, "size": layer.length}));
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config_digest, "size": config_length},
            "layers": layers.collect::<Vec<_>>(),
            "annotations": self.labels(),
        })
    }

    fn labels(&self) -> Value {
        let labels = self.settings.labels.iter();
        labels.map(|(name, value)| (name.clone(), Value::from(&value[..]))).collect()
    }
}
