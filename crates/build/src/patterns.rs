//! Compares the patterns of a tokenizer in the sandbox with those of Hugging Face `tokenizers`.
//!
//! The two run them with different engines. The guest translates each pattern; here the
//! translation and the original split the same texts, at build time, where Oniguruma is at hand.
//! Each pattern is tried on all that an earlier one can hand on, whatever its behavior: matches, what
//! lies between, both joined, and the text with matches replaced. Steps without a pattern are the same
//! code in both. So where all matches are the same, all tokens are.
//!
//! The tokens themselves are not compared: a build of `tokenizers` has one engine or the other.

use std::collections::BTreeSet;
use std::ops::Range;

use onig::{MatchParam, Region, SearchOptions};
use pilotlight_model::{ModelFolder, TOKENIZER_FILE, translate_pattern};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// Characters at which engines part ways.
const EDGE_CASES: [&str; 14] = [
    "",
    "\n",
    "a\n",
    "\r\nDear Ada,\r\n\r\n\tThanks\n",
    "a\u{b}b\u{c}c\rd\u{85}e\u{2028}f\u{2029}g",
    "  two   spaces \t tab\u{a0}NBSP\u{202f}\u{3000}wide\u{200b}zero",
    "don't DON'T I'LL we'Re 'tis",
    "Mu\u{308}ller José naïve x\u{200d}y \u{200c} \u{fe0f}",
    "漢字かな交じり文 カタカナ ｶﾅ 한국어 \u{1112}\u{1161}\u{11ab} ไทย",
    "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} 🇫🇷 #1* 😀😀",
    "0 12 345 6789 1000000 3.14 1,000 ²½ ٣٤٥ 0xFF deadBEEF",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ «» … — ¿¡ €£",
    "ſtraſe Straße STRASSE ﬁn oﬀ K Å İı Σίσυφος ǅ Ǆ",
    "_under_score camelCase HTTPServer2 aab aaa abc aBc",
];

/// Retries within a match beyond which a pattern is too slow.
const RETRY_LIMIT: u32 = 1_000_000;
/// Pieces that later patterns are tried on, too.
const MOST_PIECES: usize = 20_000;
/// Characters of a text that are told.
const LONGEST_QUOTE: usize = 60;

#[derive(Deserialize)]
struct Parts {
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    decoder: Option<Value>,
}

/// Checks that every pattern in the folder's tokenizer splits `texts`, and some with unusual
/// characters, as Oniguruma splits them.
///
/// # Errors
/// [`Error::Refused`] naming the pattern: it cannot be translated, or splits a text differently.
pub fn check_patterns(folder: &ModelFolder, texts: &[String]) -> Result<()> {
    if !folder.manifest().files.contains_key(TOKENIZER_FILE) {
        return Ok(());
    }
    let file = folder.read(TOKENIZER_FILE)?;
    // The guest says what is wrong with a file that cannot be read.
    let Ok(parts) = serde_json::from_slice::<Parts>(&file) else { return Ok(()) };
    let mut pieces = pieces(texts);
    let parts = [parts.normalizer, parts.pre_tokenizer, parts.decoder];
    for step in parts.iter().flatten().flat_map(steps) {
        let translated = translate_pattern(step.pattern).map_err(|error| refused(&error))?;
        step.check(&translated, &mut pieces).map_err(|reason| refused(&reason))?;
    }
    Ok(())
}

/// Checks that `translated` splits `texts`, and some with unusual characters, as Oniguruma splits them
/// at `pattern`.
///
/// # Errors
/// [`Error::Refused`] naming the pattern and a text that the two split differently.
pub fn check_translation(pattern: &str, translated: &str, texts: &[String]) -> Result<()> {
    let step = Step { pattern, content: None };
    step.check(translated, &mut pieces(texts)).map_err(|reason| refused(&reason))
}

fn refused(reason: &dyn std::fmt::Display) -> Error {
    Error::Refused(format!("{TOKENIZER_FILE}: {reason}"))
}

/// Texts alone and together, and unusual ones.
fn pieces(texts: &[String]) -> BTreeSet<String> {
    let mut pieces: BTreeSet<String> = texts.iter().cloned().collect();
    pieces.insert(texts.join("\n"));
    pieces.extend(EDGE_CASES.map(str::to_owned));
    pieces
}

/// A pattern in a part of a tokenizer.
struct Step<'a> {
    pattern: &'a str,
    /// What its matches are replaced with, if it replaces them.
    content: Option<&'a str>,
}

/// The steps of a part that have a pattern, in the order in which it applies them.
fn steps(part: &Value) -> Vec<Step<'_>> {
    match part {
        Value::Object(fields) => {
            let pattern = fields.get("pattern").and_then(|pattern| pattern.get("Regex"));
            match pattern.and_then(Value::as_str) {
                Some(pattern) => {
                    let content = fields.get("content").and_then(Value::as_str);
                    vec![Step { pattern, content }]
                }
                None => fields.values().flat_map(steps).collect(),
            }
        }
        Value::Array(items) => items.iter().flat_map(steps).collect(),
        _ => Vec::new(),
    }
}

impl Step<'_> {
    /// Compares the pattern and its translation on all pieces, and adds what it makes of them.
    fn check(
        &self,
        translated: &str,
        pieces: &mut BTreeSet<String>,
    ) -> std::result::Result<(), String> {
        let pattern = self.pattern;
        let told = |reason: String| format!("pattern {pattern:?}: {reason}");
        let theirs = onig::Regex::new(pattern).map_err(|error| told(error.to_string()))?;
        let ours = fancy_regex::Regex::new(translated).map_err(|error| told(error.to_string()))?;
        let mut made = BTreeSet::new();
        for piece in &*pieces {
            let found = ours.find_iter(piece).map(|found| found.map(|at| at.start()..at.end()));
            let found: Vec<Range<usize>> = found
                .collect::<std::result::Result<_, _>>()
                .map_err(|error| told(error.to_string()))?;
            let expected = oniguruma(&theirs, piece).map_err(|error| told(error.to_string()))?;
            if found != expected {
                let quote: String = piece.chars().take(LONGEST_QUOTE).collect();
                return Err(told(format!(
                    "splits {quote:?} differently in the sandbox than in Hugging Face tokenizers; \
                     rewrite the pattern"
                )));
            }
            self.hand_on(piece, &expected, &mut made);
        }
        let room = MOST_PIECES.saturating_sub(pieces.len());
        pieces.extend(made.into_iter().take(room));
        Ok(())
    }

    /// Adds all that the step can hand on to the next one.
    fn hand_on(&self, piece: &str, matches: &[Range<usize>], made: &mut BTreeSet<String>) {
        if let Some(content) = self.content {
            let (mut replaced, mut end) = (String::new(), 0);
            for found in matches {
                replaced.push_str(&piece[end..found.start]);
                replaced.push_str(content);
                end = found.end;
            }
            replaced.push_str(&piece[end..]);
            made.insert(replaced);
        }
        let ends = matches.iter().map(|found| found.start).skip(1).chain([piece.len()]);
        // Where matches that touch begin.
        let (mut before, mut run) = (0, 0);
        for (found, next) in matches.iter().zip(ends) {
            if found.start > before {
                run = found.start;
            }
            let (start, end) = (found.start, found.end);
            for range in [before..start, start..end, before..end, start..next, run..end] {
                made.insert(piece[range].to_owned());
            }
            before = end;
        }
        made.insert(piece[before..].to_owned());
    }
}

/// All matches, as the `onig` crate iterates over them, but with a limit.
fn oniguruma(
    pattern: &onig::Regex,
    text: &str,
) -> std::result::Result<Vec<Range<usize>>, onig::Error> {
    let (mut matches, mut from) = (Vec::new(), 0);
    let mut last_end = None;
    while from <= text.len() {
        let mut limit = MatchParam::default();
        limit.set_retry_limit_in_match(RETRY_LIMIT);
        let mut region = Region::new();
        let options = SearchOptions::SEARCH_OPTION_NONE;
        let found =
            pattern.search_with_param(text, from, text.len(), options, Some(&mut region), limit)?;
        let Some((start, end)) = found.and_then(|_| region.pos(0)) else { break };
        if start == end && last_end == Some(end) {
            // An empty match next to the last one does not count.
            from += text[from..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        matches.push(start..end);
        (from, last_end) = (end, Some(end));
    }
    Ok(matches)
}
