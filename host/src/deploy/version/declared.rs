use pilotlight_model::Labels;
use serde_json::Value;

/// What a component's manifest says about its answers, which are checked against it.
#[derive(Debug)]
pub(crate) struct Declared {
    /// What the function answered to `GET /info` when it was built.
    pub(crate) info: Value,
    /// The labels of its model, where the manifest has them.
    pub(crate) labels: Option<Labels>,
}

impl Declared {
    pub(crate) fn new(info: Value, labels: Option<Labels>) -> Self {
        Self { info, labels }
    }
}
