//! Padding of sequences: to lengths that several share, or to the one that a graph reads.

use pilotlight_model::InputRole;

use super::{EngineError, Sequence};

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
    /// Places in the sequence.
    pub positions: Vec<i64>,
}

/// How sequences are padded for a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// To multiples of so many tokens; 1 pads nothing.
    pub pad_to_multiple_of: usize,
    /// Not beyond so many tokens.
    pub longest: usize,
    /// To exactly so many tokens instead, where the graph reads no others.
    pub fixed: Option<usize>,
    /// The position of the first token.
    pub first_position: i64,
}

impl Padding {
    /// Pads `sequence`.
    ///
    /// # Errors
    /// [`EngineError::Failed`] for a sequence that is longer than the graph reads.
    pub fn pad(&self, sequence: &Sequence) -> Result<Padded, EngineError> {
        let tokens = sequence.ids.len();
        let mut padded = match self.fixed {
            None => Padded::new(sequence, self.pad_to_multiple_of, self.longest),
            Some(fixed) if tokens <= fixed => Padded::new(sequence, fixed, fixed),
            Some(fixed) => {
                let message = format!("{tokens} tokens; the graph reads {fixed}");
                return Err(EngineError::Failed(message));
            }
        };
        padded.positions.iter_mut().for_each(|position| *position += self.first_position);
        Ok(padded)
    }
}

impl Padded {
    /// Pads `sequence` to the next multiple of `pad_to_multiple_of`, but not beyond `longest` tokens.
    pub fn new(sequence: &Sequence, pad_to_multiple_of: usize, longest: usize) -> Self {
        let tokens = sequence.ids.len();
        let length = tokens.next_multiple_of(pad_to_multiple_of.max(1)).min(longest).max(tokens);
        let pad = |values: &[i64]| {
            let padding = std::iter::repeat_n(0, length - tokens);
            values.iter().copied().chain(padding).collect()
        };
        let mask = vec![1; tokens];
        let (ids, type_ids) = (pad(&sequence.ids), pad(&sequence.type_ids));
        let positions = (0..length as i64).collect();
        Self { tokens, ids, mask: pad(&mask), type_ids, positions }
    }

    /// Pads to `length` tokens, if there are not as many.
    pub fn lengthen(&mut self, length: usize) {
        let length = length.max(self.length());
        for values in [&mut self.ids, &mut self.mask, &mut self.type_ids] {
            values.resize(length, 0);
        }
        let next = self.positions.last().map_or(0, |last| last + 1);
        let missing = length - self.positions.len();
        self.positions.extend(next..next + missing as i64);
    }

    /// Length with the padding.
    pub fn length(&self) -> usize {
        self.ids.len()
    }

    /// What an input with `role` takes; a length is not among them.
    pub fn input(&self, role: InputRole) -> &[i64] {
        match role {
            InputRole::Ids => &self.ids,
            InputRole::TypeIds => &self.type_ids,
            InputRole::Positions => &self.positions,
            InputRole::Mask | InputRole::Length => &self.mask,
        }
    }
}

/// Places of sequences in groups of up to `most`, by their lengths. The longest of a group is not much more
/// than twice as long as its shortest: padding is copied, though nothing is computed of it.
pub fn groups_of_any_lengths(padded: &[Padded], most: usize) -> Vec<Vec<usize>> {
    const SHORT: usize = 16;
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_length: Vec<usize> = (0..padded.len()).collect();
    by_length.sort_by_key(|index| padded[*index].length());
    for index in by_length {
        let length = padded[index].length();
        let open = groups.last_mut().filter(|group| {
            let shortest = group.first().map_or(0, |first| padded[*first].length());
            group.len() < most && length <= 2 * shortest + SHORT
        });
        match open {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// Places of the sequences that have the same length, in groups of up to `most`.
pub fn groups(padded: &[Padded], most: usize) -> Vec<Vec<usize>> {
    let mut by_length: Vec<usize> = (0..padded.len()).collect();
    by_length.sort_by_key(|index| padded[*index].length());
    let same = |a: &usize, b: &usize| padded[*a].length() == padded[*b].length();
    let runs = by_length.chunk_by(same);
    runs.flat_map(|run| run.chunks(most.max(1)).map(<[usize]>::to_vec)).collect()
}
