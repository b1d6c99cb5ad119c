//! The special tokens that a tokenizer's post-processor puts around texts: `[CLS]` … `[SEP]`.

use std::ops::Range;

use tokenizers::Encoding;

use super::tokenizer_file::Inner;
use crate::engine::Sequence;

/// Ids that no vocabulary has, in the place of a text's tokens.
const FIRST: u32 = u32::MAX;
const SECOND: u32 = u32::MAX - 1;

/// What stands around one text.
pub(super) struct Frame {
    before: Sequence,
    after: Sequence,
    /// Segment of the text itself.
    type_id: i64,
}

/// What stands around two texts and between them.
pub(super) struct PairFrame {
    before: Sequence,
    between: Sequence,
    after: Sequence,
    /// Segments of the texts.
    type_ids: [i64; 2],
}

impl Frame {
    /// Learns the special tokens by framing a text of one token.
    pub(super) fn of(tokenizer: &Inner) -> tokenizers::Result<Self> {
        let framed = tokenizer.post_process(probe(FIRST), None, true)?;
        let position = framed.get_ids().iter().position(|id| *id == FIRST);
        let position = position.ok_or("the post-processor drops the text")?;
        Ok(Self {
            before: part(&framed, 0..position),
            after: part(&framed, position + 1..framed.len()),
            type_id: i64::from(framed.get_type_ids()[position]),
        })
    }

    /// Number of special tokens.
    pub(super) fn special(&self) -> usize {
        self.before.ids.len() + self.after.ids.len()
    }

    /// The place of the text's first token.
    pub(super) fn first_row(&self) -> usize {
        self.before.ids.len()
    }

    pub(super) fn around(&self, ids: &[u32]) -> Sequence {
        let mut sequence = self.before.clone();
        add_text(&mut sequence, ids, self.type_id);
        add(&mut sequence, &self.after);
        sequence
    }
}

impl PairFrame {
    /// Learns the special tokens by framing two texts of one token each; `None` if the tokenizer does
    /// not put the second behind the first.
    pub(super) fn of(tokenizer: &Inner) -> tokenizers::Result<Option<Self>> {
        let framed = tokenizer.post_process(probe(FIRST), Some(probe(SECOND)), true)?;
        let position = |wanted: u32| framed.get_ids().iter().position(|id| *id == wanted);
        let (Some(first), Some(second)) = (position(FIRST), position(SECOND)) else {
            return Ok(None);
        };
        if second < first {
            return Ok(None);
        }
        let type_id = |place: usize| i64::from(framed.get_type_ids()[place]);
        Ok(Some(Self {
            before: part(&framed, 0..first),
            between: part(&framed, first + 1..second),
            after: part(&framed, second + 1..framed.len()),
            type_ids: [type_id(first), type_id(second)],
        }))
    }

    /// Number of special tokens.
    pub(super) fn special(&self) -> usize {
        self.before.ids.len() + self.between.ids.len() + self.after.ids.len()
    }

    /// The place of the second text's first token behind a first text of so many.
    pub(super) fn second_row(&self, first: usize) -> usize {
        self.before.ids.len() + first + self.between.ids.len()
    }

    pub(super) fn around(&self, first: &[u32], second: &[u32]) -> Sequence {
        let mut sequence = self.before.clone();
        add_text(&mut sequence, first, self.type_ids[0]);
        add(&mut sequence, &self.between);
        add_text(&mut sequence, second, self.type_ids[1]);
        add(&mut sequence, &self.after);
        sequence
    }
}

fn probe(id: u32) -> Encoding {
    Encoding::new(
        vec![id],
        vec![0],
        vec![String::new()],
        vec![None],
        vec![(0, 0)],
        vec![0],
        vec![1],
        vec![],
        Default::default(),
    )
}

fn part(framed: &Encoding, range: Range<usize>) -> Sequence {
    Sequence {
        ids: framed.get_ids()[range.clone()].iter().map(|id| i64::from(*id)).collect(),
        type_ids: framed.get_type_ids()[range].iter().map(|id| i64::from(*id)).collect(),
    }
}

fn add_text(sequence: &mut Sequence, ids: &[u32], type_id: i64) {
    sequence.ids.extend(ids.iter().map(|id| i64::from(*id)));
    sequence.type_ids.extend(std::iter::repeat_n(type_id, ids.len()));
}

fn add(sequence: &mut Sequence, special: &Sequence) {
    sequence.ids.extend_from_slice(&special.ids);
    sequence.type_ids.extend_from_slice(&special.type_ids);
}
