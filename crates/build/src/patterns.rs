//! Compares the patterns of a tokenizer in the sandbox with those of Hugging Face `tokenizers`.
//!
//! The two run them with different engines. The guest translates each pattern; here the
//! translation and the original split the same texts, at build time, where Oniguruma is at hand.

use std::collections::BTreeSet;

use onig::{MatchParam, Region, SearchOptions};
use pilotlight_model::{ModelFolder, TOKENIZER_FILE, translate_pattern, visit_patterns};
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
    let mut pieces: BTreeSet<String> = texts.iter().cloned().collect();
    pieces.insert(texts.join("\n"));
    pieces.extend(EDGE_CASES.map(str::to_owned));
    let parts = [parts.normalizer, parts.pre_tokenizer, parts.decoder];
    for mut part in parts.into_iter().flatten() {
        visit_patterns(&mut part, &mut |pattern| check(pattern, &mut pieces))
            .map_err(|reason| Error::Refused(format!("{TOKENIZER_FILE}: {reason}")))?;
    }
    Ok(())
}

/// Compares one pattern on all pieces, and adds what it makes of them.
fn check(pattern: &str, pieces: &mut BTreeSet<String>) -> std::result::Result<(), String> {
    let told = |reason: String| format!("pattern {pattern:?}: {reason}");
    let translated = translate_pattern(pattern).map_err(|error| error.to_string())?;
    let theirs = onig::Regex::new(pattern).map_err(|error| told(error.to_string()))?;
    let ours = fancy_regex::Regex::new(&translated).map_err(|error| told(error.to_string()))?;
    let mut smaller = BTreeSet::new();
    for piece in &*pieces {
        let found = ours.find_iter(piece).map(|found| found.map(|at| (at.start(), at.end())));
        let found: Vec<(usize, usize)> = found
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
        let mut end = 0;
        for (from, to) in expected {
            smaller.extend([piece[end..from].to_owned(), piece[from..to].to_owned()]);
            end = to;
        }
        smaller.insert(piece[end..].to_owned());
    }
    let room = MOST_PIECES.saturating_sub(pieces.len());
    pieces.extend(smaller.into_iter().take(room));
    Ok(())
}

/// All matches, as the `onig` crate iterates over them, but with a limit.
fn oniguruma(
    pattern: &onig::Regex,
    text: &str,
) -> std::result::Result<Vec<(usize, usize)>, onig::Error> {
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
        matches.push((start, end));
        (from, last_end) = (end, Some(end));
    }
    Ok(matches)
}
