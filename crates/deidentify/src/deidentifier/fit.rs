//! Whether options can be applied to what a model finds.

use std::collections::BTreeSet;

use crate::options::DeidentifyOptions;
use crate::token::{LONGEST_LABEL, is_label};

/// Errors of options that do not fit a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The model never finds a label that is to be de-identified.
    #[error("`labels` has {label:?}, which the model does not have; its labels are {known}")]
    UnknownLabel {
        /// The label.
        label: String,
        /// Labels of the model.
        known: String,
    },
    /// The labels of the model are unknown.
    #[error(
        "`labels` cannot be checked: the component has no manifest with labels; build it with \
         `pilotlight build`, or remove `labels` to replace all entities"
    )]
    UnknownModel,
    /// The function does not find entities.
    #[error(
        "the function does not answer POST /v1/redact, because its task is {task:?}; use a \
         token-classification model, or remove `deidentify`"
    )]
    NoRedaction {
        /// What the function does.
        task: String,
    },
    /// A label cannot be written in a token.
    #[error(
        "the model's label {label:?} cannot be written in a token, which needs 1 to \
         {LONGEST_LABEL} bytes without `[`, `]`, `:` and control characters; use mode `redact`, \
         or rename it in the model's config.json"
    )]
    Label {
        /// The label.
        label: String,
    },
}

impl DeidentifyOptions {
    /// Whether everything that is to be de-identified can be, where a model finds entities of the labels
    /// in `known`; `None` if that is not known.
    ///
    /// # Errors
    /// The first [`Unfit`].
    pub fn check_labels(&self, known: Option<&BTreeSet<String>>) -> Result<(), Unfit> {
        let known = match (known, &self.labels) {
            (Some(known), _) => known,
            (None, Some(_)) => return Err(Unfit::UnknownModel),
            (None, None) if !self.actions.is_empty() || !self.thresholds.is_empty() => {
                return Err(Unfit::UnknownModel);
            }
            (None, None) => return Ok(()),
        };
        let deidentified = self.labels.as_ref().unwrap_or(known);
        if let Some(label) = deidentified.iter().find(|label| !known.contains(*label)) {
            let known = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(Unfit::UnknownLabel { label: label.clone(), known });
        }
        let single = self.actions.keys().chain(self.thresholds.keys());
        if let Some(label) = single.into_iter().find(|label| !known.contains(*label)) {
            let known = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(Unfit::UnknownLabel { label: label.clone(), known });
        }
        let in_token = |label: &str| self.mode_of(label).writes_tokens();
        match deidentified.iter().find(|label| in_token(label) && !is_label(label)) {
            Some(label) => Err(Unfit::Label { label: label.clone() }),
            None => Ok(()),
        }
    }
}
