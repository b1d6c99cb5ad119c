//! Characters that Oniguruma compares without regard to case as several: `ß` and `ss`.
//!
//! `fancy-regex` compares character by character, so patterns that depend on it are refused.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// Blocks with characters that change their number with their case.
const BLOCKS: [RangeInclusive<char>; 2] = ['\u{80}'..='\u{1fff}', '\u{fb00}'..='\u{fb4f}'];

struct Folds {
    singles: BTreeSet<char>,
    /// What they become, in lower case.
    several: BTreeSet<String>,
    longest: usize,
}

static FOLDS: LazyLock<Folds> = LazyLock::new(|| {
    let (mut singles, mut several) = (BTreeSet::new(), BTreeSet::new());
    for c in BLOCKS.into_iter().flatten() {
        let mut folded = vec![c.to_lowercase().collect::<String>()];
        folded.push(folded[0].to_uppercase().to_lowercase());
        if let Some(longer) = folded.into_iter().find(|folded| folded.chars().nth(1).is_some()) {
            singles.insert(c);
            several.insert(longer);
        }
    }
    let longest = several.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    Folds { singles, several, longest }
});

/// Whether one of `chars` is compared as several.
pub(super) fn folds_to_several(chars: RangeInclusive<char>) -> bool {
    FOLDS.singles.range(chars).next().is_some()
}

/// Neighboring characters that are compared without regard to case.
#[derive(Debug, Default)]
pub(super) struct FoldRun {
    /// The last of them.
    last: String,
    /// The first of the group, as long as nothing stands between.
    first: Vec<char>,
    interrupted: bool,
    /// Whether the group has several alternatives.
    several: bool,
}

impl FoldRun {
    /// Something stands between what came and what comes.
    pub(super) fn end(&mut self) {
        self.last.clear();
        self.interrupted = true;
    }

    /// The next alternative begins.
    pub(super) fn alternate(&mut self) {
        self.end();
        self.several = true;
    }

    /// Takes the next character in.
    pub(super) fn push(&mut self, next: char) -> Result<(), String> {
        let refused = |what: &str| Err(format!("{what:?} without regard to case (?i)"));
        if folds_to_several(next..=next) {
            return refused(next.encode_utf8(&mut [0; 4]));
        }
        if !self.interrupted && self.first.len() < FOLDS.longest {
            self.first.push(next);
        }
        self.last.extend(simple_fold(next));
        let excess = self.last.chars().count().saturating_sub(FOLDS.longest);
        self.last = self.last.chars().skip(excess).collect();
        match FOLDS.several.iter().find(|text| self.last.ends_with(&text[..])) {
            Some(text) => refused(text),
            None => Ok(()),
        }
    }

    /// Leaves a group for what stands around it. One that is `plain`, with a single alternative,
    /// counts as what is in it: `s(?:s)` as `ss`.
    pub(super) fn leave(&mut self, around: Self, plain: bool) -> Result<(), String> {
        let group = std::mem::replace(self, around);
        let through = plain && !group.several;
        if through {
            group.first.iter().try_for_each(|next| self.push(*next))?;
        }
        if !through || group.interrupted {
            self.interrupted = true;
            self.last = group.last;
        }
        Ok(())
    }
}

/// Long s and final sigma are compared like the others.
fn simple_fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().collect::<String>().to_lowercase().chars().collect::<Vec<_>>().into_iter()
}
