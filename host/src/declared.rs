//! What a component's manifest says about its answers, which are checked against it.

use pilotlight_model::Labels;
use serde_json::Value;

/// The answer to `GET /info` when the component was built, and the labels in it.
#[derive(Debug)]
pub(crate) struct Declared {
    info: Value,
    labels: Option<Labels>,
}

impl Declared {
    pub(crate) fn new(info: Value) -> Self {
        Self { labels: labels(&info), info }
    }

    pub(crate) fn info(&self) -> &Value {
        &self.info
    }

    /// The labels of the model; `None` if the manifest has none that can be used.
    pub(crate) fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }
}

/// The labels in a manifest's `info`.
pub(crate) fn labels(info: &Value) -> Option<Labels> {
    let names = info.get("labels")?.as_array()?.iter();
    let names = names.map(|name| name.as_str().map(str::to_owned));
    let names = names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty());
    names.map(Labels::new)
}
