//! Suggestions for misspelled names.

/// The known name that is most similar to `name`: at most a third of its characters differ
/// (Levenshtein distance).
pub(crate) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = normalized(name);
    let allowed = (name.chars().count() / 3).max(1);
    known
        .map(|candidate| (strsim::levenshtein(&name, &normalized(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, or nothing without a suggestion.
pub(crate) fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// `Min_Ready` and `min-ready` are the same name.
pub(crate) fn normalized(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_found_and_others_are_not() {
        let known = ["min-ready", "max-instances", "idle-shrink"];
        let suggestion = |name| closest(name, known.into_iter());
        assert_eq!(suggestion("min_ready"), Some("min-ready"));
        assert_eq!(suggestion("minready"), Some("min-ready"));
        assert_eq!(suggestion("max-instance"), Some("max-instances"));
        assert_eq!(suggestion("idle-shirnk"), Some("idle-shrink"));
        assert_eq!(suggestion("colour"), None);
        assert_eq!(suggestion(""), None);
    }
}
