//! Any text in any chunks: segments are those of the whole text, and together the text.

use arbitrary::Arbitrary;
use pilotlight_recognizers::Segments;

#[derive(Debug, Arbitrary)]
pub struct Input {
    chunks: Vec<String>,
}

fn segments<'a>(chunks: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut segments = Segments::new();
    let mut all: Vec<String> = chunks.flat_map(|chunk| segments.push(chunk)).collect();
    all.extend(segments.finish());
    all
}

/// Runs the target.
pub fn run(input: Input) {
    let text = input.chunks.concat();
    let whole = segments(std::iter::once(&text[..]));
    assert_eq!(segments(input.chunks.iter().map(String::as_str)), whole);
    assert_eq!(whole.concat(), text);
}
