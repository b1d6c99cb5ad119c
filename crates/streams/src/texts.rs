//! The texts of an event stream that have begun and not ended.

use std::collections::{BTreeMap, BTreeSet};

use crate::arguments;
use crate::error::Refused;
use crate::rewrite::Rewrite;

/// Maximum size of all buffered tool arguments, in bytes.
pub const LONGEST_ARGUMENTS: usize = 1 << 20;
/// Maximum number of texts at once.
const MOST: usize = 256;

/// Which text of a choice or block something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// The value of a key.
    Key(&'static str),
    /// Arguments of the tool call with this number.
    Arguments(u64),
}

#[derive(Debug)]
enum Open<T> {
    Text(T),
    Arguments(String),
}

/// The texts of choices or blocks, by their numbers.
#[derive(Debug)]
pub(crate) struct Texts<T> {
    open: BTreeMap<(u64, Field), Open<T>>,
    ended: BTreeSet<u64>,
    /// Bytes of arguments.
    held: usize,
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self { open: BTreeMap::new(), ended: BTreeSet::new(), held: 0 }
    }
}

impl<T: Default> Texts<T> {
    /// Takes the next chunk of a text, and gives what can pass.
    pub(crate) fn push<R: Rewrite<Text = T>>(
        &mut self,
        place: (u64, Field),
        chunk: &str,
        rewriter: &mut R,
    ) -> Result<String, Refused<R::Error>> {
        if chunk.is_empty() {
            return Ok(String::new());
        }
        // Clients would join it with the text that has ended.
        if self.ended.contains(&place.0) {
            return Err(Refused::Event("a text continues after its end"));
        }
        if !self.open.contains_key(&place) && self.open.len() >= MOST {
            return Err(Refused::Event("too many texts at once"));
        }
        match place.1 {
            Field::Key(_) => {
                let open = self.open.entry(place).or_insert_with(|| Open::Text(T::default()));
                let Open::Text(text) = open else { return Ok(String::new()) };
                Ok(rewriter.push(text, chunk)?)
            }
            Field::Arguments(_) => {
                self.held += chunk.len();
                if self.held > LONGEST_ARGUMENTS {
                    return Err(Refused::Arguments);
                }
                let open = self.open.entry(place).or_insert_with(|| Open::Arguments(String::new()));
                if let Open::Arguments(arguments) = open {
                    arguments.push_str(chunk);
                }
                Ok(String::new())
            }
        }
    }

    /// A choice or block has ended: the rest of its texts.
    pub(crate) fn end<R: Rewrite<Text = T>>(
        &mut self,
        index: u64,
        rewriter: &mut R,
    ) -> Result<Vec<(Field, String)>, Refused<R::Error>> {
        if self.ended.len() >= MOST {
            return Err(Refused::Event("too many texts"));
        }
        self.ended.insert(index);
        let after = self.open.split_off(&(index, Field::Key("")));
        let mut rests = Vec::new();
        for ((of, field), open) in after {
            if of != index {
                self.open.insert((of, field), open);
                continue;
            }
            let rest = match open {
                Open::Text(text) => rewriter.finish(text)?,
                Open::Arguments(held) => {
                    self.held -= held.len();
                    arguments::rewrite(&held, rewriter)?
                }
            };
            if !rest.is_empty() {
                rests.push((field, rest));
            }
        }
        Ok(rests)
    }

    /// The numbers of choices or blocks with texts that have not ended.
    pub(crate) fn open(&self) -> BTreeSet<u64> {
        self.open.keys().map(|(index, _)| *index).collect()
    }

    /// Whether a choice or block has ended.
    pub(crate) fn has_ended(&self, index: u64) -> bool {
        self.ended.contains(&index)
    }
}
