//! How many tokens a model reads at once.

use super::Evidence;
use super::listing::{SENTENCE_CONFIG, TOKENIZER_CONFIG};
use crate::{CONFIG_FILE, InputRole, ModelConfig};

/// Fewest and most tokens of a sequence; what tokenizers say beyond that means "no limit".
const SANE: std::ops::RangeInclusive<u64> = 3..=1 << 20;
/// What a model is given where nobody says how much it can read.
const USUAL: u64 = 512;

impl Evidence<'_> {
    /// The longest sequence, and what it was found by: the smallest that any of the files says.
    pub(super) fn max_length(&self) -> (usize, String) {
        let said = [
            (self.descriptions.tokenizer_length, TOKENIZER_CONFIG),
            (self.descriptions.sentence.max_length, SENTENCE_CONFIG),
            (self.config().and_then(ModelConfig::positions), CONFIG_FILE),
            (self.fixed_length(), self.graph),
        ];
        let said = said.into_iter().filter_map(|(length, file)| Some((length?, file)));
        let said: Vec<_> = said.filter(|(length, _)| SANE.contains(length)).collect();
        let Some((length, _)) = said.iter().min() else {
            return (USUAL as usize, "no file states the maximum length".to_owned());
        };
        let shown: Vec<_> = said.iter().map(|(length, file)| format!("{file} {length}")).collect();
        (*length as usize, shown.join(", "))
    }

    /// The length of sequences that the graph has been exported for, if it is fixed.
    fn fixed_length(&self) -> Option<u64> {
        let of_ids = |name: &str| InputRole::of(name) == Some(InputRole::Ids);
        let port = self.signature.inputs.iter().find(|port| of_ids(&port.name))?;
        port.dims.as_ref()?.get(1).copied().flatten()
    }
}
