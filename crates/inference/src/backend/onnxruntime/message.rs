//! What the library says, as one short sentence.

/// Longest message, in characters.
const LONGEST: usize = 300;

/// `error` without source locations, signatures of functions and stacks.
pub(super) fn short(error: &str) -> String {
    let (said, _stack) = error.split_once("\nStacktrace:").unwrap_or((error, ""));
    let said = said.strip_prefix("Non-zero status code returned while ").unwrap_or(said);
    let mut rest = said.to_owned();
    while let Some(without) = without_location(&rest) {
        rest = without;
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    let sentence = words.join(" ");
    let sentence = sentence.trim_end_matches(['.', ' ']);
    match sentence.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &sentence[..end]),
        None => sentence.to_owned(),
    }
}

/// `text` without its first `/path/file.cc:123 function(arguments) const `.
fn without_location(text: &str) -> Option<String> {
    let marks = [".cc:", ".h:", ".cpp:", ".hpp:"];
    let mark = marks.iter().filter_map(|mark| text.find(mark)).min()?;
    let start = text[..mark].rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let rest = &text[mark..];
    let line_ends = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let said = rest[line_ends..].trim_start();
    let said = after_signature(said).unwrap_or(said);
    Some(format!("{}{}", &text[..start], said.trim_start()))
}

/// What follows the arguments and qualifiers of a function.
fn after_signature(text: &str) -> Option<&str> {
    let open = text.find('(')?;
    let mut depth = 0u32;
    for (index, character) in text[open..].char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let rest = text[open + index + 1..].trim_start();
            let rest = rest.strip_prefix("const").unwrap_or(rest).trim_start();
            return Some(match rest.strip_prefix("[with") {
                Some(types) => types.split_once(']').map_or("", |(_, rest)| rest),
                None => rest,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn places_in_the_librarys_sources_are_left_out() {
        let said = "Exception during initialization: /onnxruntime_src/onnxruntime/core/optimizer/\
                    initializer.cc:45 onnxruntime::Initializer::Initializer(const onnx::\
                    TensorProto&, const std::filesystem::path&) const [with T = int] \
                    data_type was false. The model is broken.\n\nStacktrace:\n  0x7f";
        let expected = "Exception during initialization: data_type was false. The model is broken";
        assert_eq!(short(said), expected);
    }

    #[test]
    fn a_plain_message_stays_and_a_long_one_is_cut() {
        assert_eq!(
            short("indices element out of data bounds, idx=9"),
            "indices element out of data bounds, idx=9"
        );
        assert_eq!(short(&"ä".repeat(1000)).chars().count(), 301);
        assert_eq!(short(""), "");
        assert_eq!(short("x.cc:1"), "");
    }
}
