//! What a misspelt word was meant to be.

/// The known word that is closest to `word`, if one is close.
pub(crate) fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let allowed = (word.chars().count() / 3).max(1);
    known
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `Min_Ready` and `min-ready` are the same word.
pub(crate) fn plain(word: &str) -> String {
    word.to_lowercase().replace(['_', '.'], "-")
}

/// Characters to insert, remove or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_found_and_others_are_not() {
        let known = ["min-ready", "max-instances", "idle-shrink"];
        let guess = |word| closest(word, known.into_iter());
        assert_eq!(guess("min_ready"), Some("min-ready"));
        assert_eq!(guess("minready"), Some("min-ready"));
        assert_eq!(guess("max-instance"), Some("max-instances"));
        assert_eq!(guess("idle-shirnk"), Some("idle-shrink"));
        assert_eq!(guess("colour"), None);
        assert_eq!(guess(""), None);
    }
}
