//! The pieces of a WordPiece vocabulary.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::ops::Range;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// A piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) id: u32,
    /// As the vocabulary has it.
    pub(super) text: &'a str,
}

/// A vocabulary, in as few parts as possible: a snapshot holds all of it.
pub(super) struct Pieces {
    /// All pieces, one after the other.
    text: String,
    entries: Vec<Entry>,
    /// Pieces that words may begin with, by number: all.
    first: HashTable<u32>,
    /// Those that continue words, without their mark.
    later: HashTable<u32>,
    /// The bytes of that mark.
    mark: usize,
    /// The most bytes of a piece.
    longest: usize,
}

struct Entry {
    id: u32,
    start: u32,
    end: u32,
}

impl Pieces {
    /// `None` where pieces that continue words have no mark, or two have the same id.
    pub(super) fn new(vocabulary: HashMap<String, u32>, mark: &str) -> Option<Self> {
        let mut sorted: Vec<(String, u32)> = vocabulary.into_iter().collect();
        sorted.sort_unstable_by_key(|(_, id)| *id);
        if mark.is_empty() || sorted.windows(2).any(|pair| pair[0].1 == pair[1].1) {
            return None;
        }
        let longest = sorted.iter().map(|(piece, _)| piece.len()).max().unwrap_or(0);
        let mut pieces = Self {
            text: String::new(),
            entries: Vec::with_capacity(sorted.len()),
            first: HashTable::new(),
            later: HashTable::new(),
            mark: mark.len(),
            longest,
        };
        for (piece, id) in sorted {
            pieces.add(&piece, id, mark)?;
        }
        Some(pieces)
    }

    fn add(&mut self, piece: &str, id: u32, mark: &str) -> Option<()> {
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push_str(piece);
        let end = u32::try_from(self.text.len()).ok()?;
        let number = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(Entry { id, start, end });
        let (text, entries) = (&self.text, &self.entries);
        let hash_of = |number: &u32, skip| hash(&entries[*number as usize].text(text)[skip..]);
        self.first.insert_unique(hash(piece), number, |number| hash_of(number, 0));
        if let Some(rest) = piece.strip_prefix(mark) {
            let skip = mark.len();
            self.later.insert_unique(hash(rest), number, |number| hash_of(number, skip));
        }
        Some(())
    }

    /// Splits a word into the longest pieces from its beginning on: their numbers, and the bytes of the word. `false`
    /// where a part of it is none.
    pub(super) fn split(&self, word: &str, found: &mut Vec<(u32, Range<usize>)>) -> bool {
        found.clear();
        let mut start = 0;
        while start < word.len() {
            let Some((number, end)) = self.longest(word, start) else { return false };
            found.push((number, start..end));
            start = end;
        }
        true
    }

    /// The longest piece of a word from `start` on, and its end.
    fn longest(&self, word: &str, start: usize) -> Option<(u32, usize)> {
        let (table, skip) = if start == 0 { (&self.first, 0) } else { (&self.later, self.mark) };
        let most = word.len().min(start + self.longest);
        let ends = (start + 1..=most).rev().filter(|end| word.is_char_boundary(*end));
        ends.map(|end| (end, &word[start..end])).find_map(|(end, part)| {
            let is_part =
                |number: &u32| &self.entries[*number as usize].text(&self.text)[skip..] == part;
            Some((*table.find(hash(part), is_part)?, end))
        })
    }

    /// The piece of a number.
    pub(super) fn get(&self, number: u32) -> Piece<'_> {
        let entry = &self.entries[number as usize];
        Piece { id: entry.id, text: entry.text(&self.text) }
    }
}

impl Entry {
    fn text<'a>(&self, all: &'a str) -> &'a str {
        &all[self.start as usize..self.end as usize]
    }
}

fn hash(text: &str) -> u64 {
    FxBuildHasher.hash_one(text.as_bytes())
}
