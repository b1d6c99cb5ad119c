//! Grapheme clusters of a text: what readers see as one character (UAX #29).

use std::ops::Range;

use unicode_segmentation::{Graphemes, UnicodeSegmentation as _};

/// Goes through the clusters of a text.
pub(crate) struct Clusters<'a> {
    rest: Graphemes<'a>,
    /// The last one passed, in code points.
    last: Range<usize>,
}

impl<'a> Clusters<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text.graphemes(true), last: 0..0 }
    }

    /// The cluster around a code point, none of whose predecessors is asked for afterwards. The last
    /// one of the text if it has no such code point.
    pub(crate) fn around(&mut self, place: usize) -> Range<usize> {
        while self.last.end <= place {
            let Some(next) = self.rest.next() else { break };
            self.last = self.last.end..self.last.end + next.chars().count();
        }
        self.last.clone()
    }
}
