//! Sequences brought to common lengths, so that several can be computed at once.

use super::Sequence;

/// A sequence with padding behind it that the attention mask takes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Padded {
    /// Tokens before the padding.
    pub tokens: usize,
    /// Vocabulary indices; 0 in the padding.
    pub ids: Vec<i64>,
    /// 1 for tokens, 0 in the padding.
    pub mask: Vec<i64>,
    /// Segments; 0 in the padding.
    pub type_ids: Vec<i64>,
}

impl Padded {
    /// Pads `sequence` to the next multiple of `bucket`, but not beyond `longest` tokens.
    pub fn new(sequence: &Sequence, bucket: usize, longest: usize) -> Self {
        let tokens = sequence.ids.len();
        let length = tokens.next_multiple_of(bucket.max(1)).min(longest).max(tokens);
        let pad = |values: &[i64]| {
            let padding = std::iter::repeat_n(0, length - tokens);
            values.iter().copied().chain(padding).collect()
        };
        let mask = vec![1; tokens];
        let (ids, type_ids) = (pad(&sequence.ids), pad(&sequence.type_ids));
        Self { tokens, ids, mask: pad(&mask), type_ids }
    }

    /// Length with the padding.
    pub fn length(&self) -> usize {
        self.ids.len()
    }

    /// What the input called `name` takes; the mask stands for whatever else a model may want.
    pub fn input(&self, name: &str) -> &[i64] {
        match name {
            "input_ids" => &self.ids,
            "token_type_ids" => &self.type_ids,
            _ => &self.mask,
        }
    }
}

/// Places of the sequences that have the same length, in groups of up to `most`.
pub fn groups(padded: &[Padded], most: usize) -> Vec<Vec<usize>> {
    let mut by_length: Vec<usize> = (0..padded.len()).collect();
    by_length.sort_by_key(|index| padded[*index].length());
    let same = |a: &usize, b: &usize| padded[*a].length() == padded[*b].length();
    let runs = by_length.chunk_by(same);
    runs.flat_map(|run| run.chunks(most.max(1)).map(<[usize]>::to_vec)).collect()
}
