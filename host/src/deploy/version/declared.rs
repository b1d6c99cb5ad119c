use pilotlight_build::{BundleManifest, Endpoint, Session};
use pilotlight_model::Labels;
use pilotlight_wire::split::Split;
use serde_json::Value;

/// What a component's manifest says about its answers, which are checked against it.
#[derive(Debug)]
pub(crate) struct Declared {
    /// What the function answered to `GET /info` when it was built.
    pub(crate) info: Value,
    /// The model's own task; empty where the manifest does not say.
    pub(crate) task: String,
    /// What the function answers; empty where the manifest does not say.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Requests that several instances may answer in parts; none where the host computes, which does so
    /// in batches.
    pub(crate) splits: Vec<Split>,
    /// Requests that are answered while they are read.
    pub(crate) sessions: Vec<Session>,
    /// Maximum number of texts of a request that may be split.
    pub(crate) max_texts: usize,
    /// Whether the function finds entities for a de-identification; `None` where the manifest does
    /// not say.
    pub(crate) redacts: Option<bool>,
    /// The labels of its model, where the manifest has them.
    pub(crate) labels: Option<Labels>,
}

impl Declared {
    pub(crate) fn new(manifest: BundleManifest) -> Self {
        Self {
            redacts: manifest.redacts(),
            labels: manifest.labels(),
            max_texts: manifest.max_texts().unwrap_or(0),
            splits: if manifest.graph.is_none() { manifest.splits } else { Vec::new() },
            sessions: manifest.sessions,
            info: manifest.info,
            task: manifest.task,
            endpoints: manifest.endpoints,
        }
    }
}
