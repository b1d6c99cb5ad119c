//! One pass over a text for all patterns of the table.
//!
//! All patterns are one lazy DFA. It starts wherever a word or a symbol begins that one of the patterns
//! begins with, and dies where none of them can match any more. It reads no more than a constant number
//! of bytes from each start, so the time is linear in the length of the text.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::pool::Pool;
use regex_automata::util::start::Config;
use regex_automata::{Anchored, MatchKind};

use crate::folded::is_word;
use crate::recognizer::{Edges, Recognizer, Verdict};

/// Memory of states that are built as they are needed. A full cache is cleared.
const CACHE: usize = 1 << 20;

/// Maximum number of ends that are checked of one pattern from one start, the longest first: a text of many short words
/// could cost a check for each. The longest IBAN leaves 19 letters to the words after the shortest.
const MOST_CHECKS: usize = 24;

/// A function that makes a cache.
type MakeCache =
    Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>;

/// A part of the table that is searched at once.
pub(crate) struct Scanner {
    rows: Vec<&'static Recognizer>,
    dfa: DFA,
    caches: Pool<Cache, MakeCache>,
    /// Bytes that a pattern begins with.
    begins: [bool; 256],
    longest: usize,
}

/// Text that a pattern matches, and that passes its check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    pub(crate) row: &'static Recognizer,
    pub(crate) verdict: Verdict,
    /// First byte of the folded text.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
}

/// Error of compiling the patterns of the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the patterns of the table cannot be searched: {0}")]
pub struct ScannerError(String);

impl Scanner {
    /// Searches for `rows`, whose matches have at most `longest` bytes.
    pub(crate) fn new(
        rows: Vec<&'static Recognizer>,
        longest: usize,
    ) -> Result<Self, ScannerError> {
        let patterns: Vec<&str> = rows.iter().map(|row| row.pattern).collect();
        let syntax = regex_automata::util::syntax::Config::new().unicode(false).utf8(false);
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder()
            .syntax(syntax)
            .thompson(regex_automata::nfa::thompson::Config::new().utf8(false))
            .configure(config)
            .build_many(&patterns)
            .map_err(|error| ScannerError(error.to_string()))?;
        let for_caches = dfa.clone();
        let make: MakeCache = Box::new(move || for_caches.create_cache());
        let mut scanner =
            Self { rows, dfa, caches: Pool::new(make), begins: [false; 256], longest };
        scanner.begins = scanner.first_bytes()?;
        Ok(scanner)
    }

    fn first_bytes(&self) -> Result<[bool; 256], ScannerError> {
        let mut cache = self.caches.get();
        let mut begins = [false; 256];
        for byte in 0..=u8::MAX {
            let failed = |error: String| ScannerError(error);
            let start = self
                .dfa
                .start_state(&mut cache, &Config::new().anchored(Anchored::Yes))
                .map_err(|error| failed(error.to_string()))?;
            let next = self
                .dfa
                .next_state(&mut cache, start, byte)
                .map_err(|error| failed(error.to_string()))?;
            begins[usize::from(byte)] = !next.is_dead();
        }
        Ok(begins)
    }

    /// Whether there is nothing to search for.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of the states that have been built.
    pub(crate) fn memory(&self) -> usize {
        self.caches.get().memory_usage()
    }

    /// Passes the matches of `bytes` to `found`, the longest that passes its check for each row and start.
    pub(crate) fn scan(&self, bytes: &[u8], mut found: impl FnMut(Match)) {
        let mut cache = self.caches.get();
        let mut hits: Vec<(usize, usize)> = Vec::new();
        let mut before = 0;
        // The last end of a long match with a right checksum.
        let mut complete = 0;
        for (start, byte) in bytes.iter().enumerate() {
            let inside_word = is_word(before) && is_word(*byte);
            before = *byte;
            if inside_word || !self.begins[usize::from(*byte)] {
                continue;
            }
            hits.clear();
            self.run(&mut cache, bytes, start, &mut hits);
            let follows = complete > 0 && complete + 1 == start;
            self.check(Place { bytes, start, follows }, &hits, |hit| {
                if hit.verdict == Verdict::Valid && hit.end - hit.start >= COMPLETE {
                    complete = complete.max(hit.end);
                }
                found(hit);
            });
        }
    }

    /// Collects rows and ends of all matches that start at `start`.
    fn run(&self, cache: &mut Cache, bytes: &[u8], start: usize, hits: &mut Vec<(usize, usize)>) {
        let dfa = &self.dfa;
        let Ok(mut state) = dfa.start_state(cache, &Config::new().anchored(Anchored::Yes)) else {
            return;
        };
        let last = bytes.len().min(start + self.longest);
        for (end, byte) in (start..).zip(&bytes[start..last]) {
            // The cache gives up only where it is told to, which it is not.
            let Ok(next) = dfa.next_state(cache, state, *byte) else { return };
            state = next;
            if state.is_tagged() {
                if state.is_dead() {
                    return;
                }
                // States match one byte late.
                if state.is_match() {
                    self.hit(cache, state, end, hits);
                }
            }
        }
        if let Ok(state) = dfa.next_eoi_state(cache, state)
            && state.is_match()
        {
            self.hit(cache, state, last, hits);
        }
    }

    fn hit(
        &self,
        cache: &Cache,
        state: regex_automata::hybrid::LazyStateID,
        end: usize,
        hits: &mut Vec<(usize, usize)>,
    ) {
        let patterns = 0..self.dfa.match_len(cache, state);
        hits.extend(
            patterns.map(|index| (self.dfa.match_pattern(cache, state, index).as_usize(), end)),
        );
    }

    fn check(&self, place: Place<'_>, hits: &[(usize, usize)], mut found: impl FnMut(Match)) {
        let Place { bytes, start, .. } = place;
        // Patterns, and how many of their ends are still to be checked.
        let mut left: Vec<(usize, usize)> = Vec::new();
        for (pattern, end) in hits.iter().rev() {
            let row = self.rows[*pattern];
            if !fits(row.edges, place, *end) {
                continue;
            }
            let known = left.iter().position(|(other, _)| other == pattern);
            let known = known.unwrap_or_else(|| {
                left.push((*pattern, MOST_CHECKS));
                left.len() - 1
            });
            let checks = &mut left[known].1;
            if *checks == 0 {
                continue;
            }
            *checks -= 1;
            let verdict = (row.check)(&bytes[start..*end]);
            if verdict > Verdict::Invalid {
                *checks = 0;
                found(Match { row, verdict, start, end: *end });
            }
        }
    }
}

/// Where a match begins.
#[derive(Clone, Copy)]
struct Place<'a> {
    bytes: &'a [u8],
    start: usize,
    /// Whether an identifier with a right checksum ends before the space in front: the two are no one number.
    follows: bool,
}

/// Whether a match may stand between its neighbors.
fn fits(edges: Edges, place: Place<'_>, end: usize) -> bool {
    let Place { bytes, start, follows } = place;
    let after = bytes.get(end).copied().unwrap_or_default();
    let ends = match bytes[end - 1] {
        last if is_word(last) => !is_word(after),
        _ => true,
    };
    let separates = |byte: u8| matches!(byte, b'-' | b'.' | b'/' | b':' | b',');
    let digit = |index: Option<usize>| {
        index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_digit)
    };
    match edges {
        Edges::Groups => ends && is_whole_number(place, end),
        Edges::Open => true,
        Edges::Word => ends,
        Edges::Number => {
            let before = start.checked_sub(1).and_then(|index| bytes.get(index)).copied();
            let continues = separates(after) && digit(Some(end + 1));
            let continued = before.is_some_and(separates) && digit(start.checked_sub(2));
            // The next group of a longer number, such as an IBAN.
            let group = before == Some(b' ')
                && !follows
                && (2..5).all(|back| digit(start.checked_sub(back)));
            ends && !continues && !continued && !group
        }
    }
}

/// Digits of the shortest number after which a further group is a number of its own, such as the check
/// value and the date of a card.
const COMPLETE: usize = 16;

/// Whether no group of digits in front of a number or behind it belongs to it, and it is not a part of an IBAN
/// with a wrong checksum.
fn is_whole_number(place: Place<'_>, end: usize) -> bool {
    let Place { bytes, start, follows } = place;
    let at = |index: Option<usize>| index.and_then(|index| bytes.get(index)).copied().unwrap_or(0);
    let back = |count: usize| at(start.checked_sub(count));
    let joins = |byte: u8| matches!(byte, b'-' | b'.' | b'/');
    let before = match back(1) {
        b'+' => true,
        b' ' if follows => false,
        b' ' => (2..5).all(|count| back(count).is_ascii_digit()) || is_in_iban(bytes, start),
        byte => joins(byte) && back(2).is_ascii_digit(),
    };
    let digits = bytes[start..end].iter().filter(|byte| byte.is_ascii_digit()).count();
    let followed = at(Some(end + 1)).is_ascii_digit();
    let after = followed
        && match at(Some(end)) {
            b' ' => digits < COMPLETE,
            byte => joins(byte),
        };
    !before && !after
}

/// Whether groups of four capitals and digits, of which the first is a country and check digits, stand in
/// front.
fn is_in_iban(bytes: &[u8], start: usize) -> bool {
    /// Groups of the longest IBAN.
    const MOST: usize = 9;
    let mut end = start;
    for _ in 0..MOST {
        let Some(group) = end.checked_sub(5).map(|first| &bytes[first..end]) else { return false };
        let fits = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if group[4] != b' ' || !group[..4].iter().all(fits) {
            return false;
        }
        if group[..2].iter().all(u8::is_ascii_uppercase)
            && group[2..4].iter().all(u8::is_ascii_digit)
        {
            return true;
        }
        end -= 5;
    }
    false
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}
