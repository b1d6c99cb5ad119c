//! Words near a match that say what it is.

/// Characters before a match in which context is looked for.
const BEFORE: usize = 70;
/// Characters after it.
const AFTER: usize = 30;
/// Longest word that has to stand alone: `pan` is none in `company` or `panel`, and `telefon` is one in
/// `Telefonnummer`.
const ALONE: usize = 4;
/// What context adds to the score of a match without a checksum, and the least that it makes.
const BOOST: f32 = 0.35;
const LEAST: f32 = 0.4;

/// The text around a match, in lower case.
#[derive(Debug)]
pub(crate) struct Surroundings {
    before: String,
    after: String,
}

impl Surroundings {
    /// Those of the bytes `start..end` of a text.
    pub(crate) fn new(text: &str, start: usize, end: usize) -> Self {
        let before = text[..start].char_indices().rev().take(BEFORE).last();
        let before = &text[before.map_or(start, |(place, _)| place)..start];
        let after: String = text[end..].chars().take(AFTER).collect();
        Self { before: before.to_lowercase(), after: after.to_lowercase() }
    }

    /// The first of `words`, in lower case, that stands there.
    pub(crate) fn word<'a>(&self, mut words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        words.find(|word| has_word(&self.before, word) || has_word(&self.after, word))
    }
}

/// Whether a word stands in a text: not within another word, and, if it is short, not at its start either.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let continues = |neighbor: Option<char>, inner: Option<char>| {
        let joins = |letter: char| letter.is_alphanumeric() && !is_ideograph(letter);
        neighbor.is_some_and(joins) && inner.is_some_and(joins)
    };
    let short = word.chars().count() <= ALONE;
    text.match_indices(word).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + word.len()..].chars().next();
        let begins = !continues(before, word.chars().next());
        begins && !(short && continues(after, word.chars().next_back()))
    })
}

/// Letters of scripts that do not separate words.
fn is_ideograph(letter: char) -> bool {
    matches!(letter as u32, 0xe00..=0xeff | 0x1000..=0x109f | 0x3040..=0x9fff | 0xac00..=0xd7af)
}

/// The score of a match with context.
pub(crate) fn boosted(score: f32, validated: bool) -> f32 {
    if validated { 1.0 } else { (score + BOOST).clamp(LEAST, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_stand_alone_and_long_ones_begin_others() {
        assert!(
            has_word("my ssn: ", "ssn") && has_word("\"ssn\":", "ssn") && has_word("us_ssn", "ssn")
        );
        assert!(!has_word("company ", "pan") && !has_word("panel ", "pan"));
        assert!(has_word("telefonnummer ", "telefon") && !has_word("autotelefon ", "telefon"));
        assert!(has_word("我的手机是", "手机"));
    }

    #[test]
    fn surroundings_end_at_characters() {
        let text = format!("{}x{}", "é".repeat(200), "ü".repeat(200));
        let around = Surroundings::new(&text, 400, 401);
        assert_eq!(around.before.chars().count(), BEFORE);
        assert_eq!(around.after.chars().count(), AFTER);
    }
}
