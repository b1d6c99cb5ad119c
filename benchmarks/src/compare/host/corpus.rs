//! Texts of many lengths, composed of words of the golden texts: the same in every run.

use std::fs;

use anyhow::Context as _;
use serde_json::{Value, from_value, json};
use xtask::cargo::root;

/// Shortest and longest text in tokens, including the two special ones.
pub(super) const SHORTEST: usize = 8;
pub(super) const LONGEST: usize = 400;
pub(super) const TEXTS: usize = 256;

/// A text with its tokens and their labels according to ONNX Runtime.
pub(super) struct Golden {
    pub(super) text: String,
    pub(super) labels: Vec<String>,
    offsets: Vec<(usize, usize)>,
}

struct Word {
    text: String,
    tokens: usize,
}

pub(super) fn golden() -> anyhow::Result<Vec<Golden>> {
    let file = root().join("tests/golden/pii_ner.jsonl");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let golden = |line| {
        let mut line: Value = serde_json::from_str(line)?;
        let text = from_value(line["text"].take())?;
        let labels = from_value(line["labels"].take())?;
        Ok(Golden { text, labels, offsets: from_value(line["offsets"].take())? })
    };
    text.lines().map(golden).collect()
}

/// Request bodies, one per line. Lengths are distributed log-uniformly: short texts are more frequent
/// than long ones.
pub(super) fn bodies() -> anyhow::Result<String> {
    let words: Vec<Word> = golden()?.iter().flat_map(Golden::words).collect();
    let mut stream = words.iter().cycle();
    let ratio = LONGEST as f64 / SHORTEST as f64;
    let text = |number: usize| {
        // 97 has no common divisor with the number of texts: each length occurs once, shuffled.
        let share = (number * 97 % TEXTS) as f64 / (TEXTS - 1) as f64;
        let tokens = (SHORTEST as f64 * ratio.powf(share)).round() as usize - 2;
        json!({"inputs": fill(&mut stream, tokens)}).to_string() + "\n"
    };
    Ok((0..TEXTS).map(text).collect())
}

/// Takes words with this number of tokens in total from an endless stream; skips words that do not
/// fit.
fn fill<'a>(stream: &mut impl Iterator<Item = &'a Word>, tokens: usize) -> String {
    let (mut text, mut left) = (Vec::new(), tokens);
    while left > 0 {
        let Some(word) = stream.find(|word| word.tokens <= left) else { break };
        left -= word.tokens;
        text.push(&word.text[..]);
    }
    text.join(" ")
}

impl Golden {
    /// The words with their numbers of tokens. Offsets count code points.
    fn words(&self) -> Vec<Word> {
        let characters: Vec<char> = self.text.chars().collect();
        let mut end = 0;
        let words = characters.split(|character| character.is_whitespace()).map(|word| {
            let start = end;
            end = start + word.len() + 1;
            let inside = |(first, last): &&(usize, usize)| {
                (start..end).contains(first) && *last < end && first < last
            };
            let tokens = self.offsets.iter().filter(inside).count();
            Word { text: word.iter().collect(), tokens }
        });
        words.filter(|word| word.tokens > 0).collect()
    }
}
