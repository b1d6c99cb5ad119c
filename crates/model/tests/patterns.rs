//! Translated patterns match what Oniguruma matches.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_model::{translate_pattern, visit_patterns};
use proptest::prelude::*;

type Matches = Vec<(usize, usize)>;

fn oniguruma(pattern: &onig::Regex, text: &str) -> Option<Matches> {
    // It panics where a match takes too long.
    std::panic::catch_unwind(|| pattern.find_iter(text).collect()).ok()
}

fn translated(pattern: &fancy_regex::Regex, text: &str) -> Option<Matches> {
    let matches = pattern.find_iter(text);
    matches.map(|found| found.map(|found| (found.start(), found.end())).ok()).collect()
}

#[test]
fn sets_hold_the_same_characters() {
    let mut sets: Vec<String> = Vec::new();
    for name in [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "xdigit", "word",
    ] {
        sets.extend([format!("[[:{name}:]]"), format!("[[:^{name}:]]"), format!("\\p{{{name}}}")]);
    }
    for name in [
        "C",
        "L",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "M",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "P",
        "Pc",
        "Pd",
        "Po",
        "S",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Z",
        "Zs",
        "Letter",
        "Symbol",
        "Alphabetic",
        "Emoji",
        "Extended_Pictographic",
        "White_Space",
        "Han",
        "Hangul",
        "Hiragana",
        "Katakana",
        "Latin",
        "Cyrillic",
        "Arabic",
        "Thai",
        "Common",
        "Inherited",
        "han",
        "Old_Italic",
        "old italic",
    ] {
        sets.extend([format!("\\p{{{name}}}"), format!("[^\\p{{{name}}}]")]);
    }
    let others = [
        r"\w",
        r"\W",
        r"[\w]",
        r"[\W]",
        r"\d",
        r"\D",
        r"\s",
        r"\S",
        r"\h",
        r"\H",
        r"\N",
        r"\O",
        ".",
        "(?m:.)",
        r"(?i:\p{Lu})",
        "(?i:[a-z])",
        "(?i:[^a-z])",
        "(?i:k)",
        "(?i:σ)",
        "(?i:я)",
    ];
    sets.extend(others.map(str::to_owned));
    let all: String = ('\0'..=char::MAX).collect();
    for set in sets {
        let theirs = onig::Regex::new(&set).unwrap();
        let ours = fancy_regex::Regex::new(&translate_pattern(&set).unwrap()).unwrap();
        let (theirs, ours) = (oniguruma(&theirs, &all), translated(&ours, &all));
        let apart = theirs.iter().flatten().zip(ours.iter().flatten()).find(|(a, b)| a != b);
        assert!(theirs.is_some() && theirs == ours, "{set}: {apart:?}");
    }
}

#[test]
fn patterns_are_found_wherever_they_stand() {
    let mut part = serde_json::json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "a"}},
        {"type": "Split", "pattern": {"String": "b"}},
        {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "c"}}]},
    ]});
    let mut found = Vec::new();
    visit_patterns(&mut part, &mut |pattern| {
        found.push(pattern.clone());
        *pattern = "d".into();
        Ok::<(), ()>(())
    })
    .unwrap();
    assert_eq!(found, ["a", "c"]);
    assert_eq!(part["pretokenizers"][2]["pretokenizers"][0]["pattern"]["Regex"], "d");
}

fn class() -> impl Strategy<Value = String> {
    let item = prop::sample::select(vec![
        "a",
        "b",
        "s",
        r"\d",
        r"\w",
        r"\s",
        r"\p{L}",
        r"\p{Lu}",
        "a-z",
        "A-C",
        "é",
        r"\n",
        "-",
        r"\-",
        r"\h",
        "[:punct:]",
        "[:^alpha:]",
        "0-9",
        r"\x{41}",
        r"\W",
        r"\S",
        "(",
        ".",
        "^",
        "&",
        "&&",
    ]);
    let items = prop::collection::vec(item, 1..5).prop_map(|items| items.concat());
    let flat = (any::<bool>(), items)
        .prop_map(|(negated, items)| format!("[{}{items}]", if negated { "^" } else { "" }));
    flat.prop_recursive(2, 8, 3, |inner| {
        (inner.clone(), inner)
            .prop_map(|(outer, inner)| outer.replacen('[', &format!("[{inner}"), 1))
    })
}

fn pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        4 => prop::sample::select(vec![
            "a", "b", "s", "A", "1", "2", " ", r"\n", "é", ".", r"\.", "-", ",", "'", r"\t", "k", "i",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            r"\w", r"\W", r"\d", r"\s", r"\S", r"\h", r"\R", r"\N", r"\O", r"\p{L}", r"\P{L}",
            r"\p{^Lu}", r"\p{Punct}", r"\H",
        ]).prop_map(str::to_owned),
        2 => class(),
        1 => prop::sample::select(vec![
            "^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", "{", "(?i)", "(?m)", "(?x)", r"\1", "(?#c)",
        ]).prop_map(str::to_owned),
    ];
    let quantifier = prop::sample::select(vec![
        "", "", "", "", "", "?", "*", "+", "??", "*?", "+?", "?+", "*+", "++", "{2}", "{1,2}",
        "{,2}", "{1,}", "{2}?", "{1,2}?", "{1,2}+", "{2,1}", "{1,}+", "|",
    ]);
    let opening = prop::sample::select(vec![
        "(", "(?:", "(?i:", "(?m:", "(?x:", "(?=", "(?!", "(?<=", "(?<!", "(?>",
    ]);
    let sequence = |piece: BoxedStrategy<String>, quantifier: BoxedStrategy<&'static str>| {
        prop::collection::vec((piece, quantifier), 1..4).prop_map(|pieces| {
            pieces.into_iter().map(|(piece, quantifier)| piece + quantifier).collect::<String>()
        })
    };
    let quantifier = quantifier.boxed();
    sequence(atom.boxed(), quantifier.clone()).boxed().prop_recursive(3, 24, 3, move |inner| {
        let group =
            (opening.clone(), inner.clone()).prop_map(|(open, inner)| format!("{open}{inner})"));
        sequence(prop_oneof![inner, group].boxed(), quantifier.clone())
    })
}

/// Groups of letters that fold to one, such as `ss` to `ß`.
fn folding_pattern() -> impl Strategy<Value = String> {
    let letter = prop::sample::select(vec![
        "s", "s", "t", "f", "i", "a", ".", "[s]", "|", "?", "+", "{2}", "\\b", "ʼ", "n", "(?#c)",
        "(?i)", "'",
    ]);
    let opening = prop::sample::select(vec![
        "(", "(?:", "(?:", "(?:", "(?i:", "(?x:", "(?-i:", "(?=", "(?!", "(?>", "(?<a>",
    ]);
    let letters = prop::collection::vec(letter, 1..3).prop_map(|letters| letters.concat());
    let nested = letters.boxed().prop_recursive(4, 12, 3, move |inner| {
        prop_oneof![
            (opening.clone(), inner.clone()).prop_map(|(open, inner)| format!("{open}{inner})")),
            (inner.clone(), inner).prop_map(|(first, second)| first + &second),
        ]
    });
    nested.prop_map(|inner| format!("(?i:{inner})"))
}

const FOLDING_TEXTS: &str = "(ß|ẞ|ſ|s|S|t|f|i|n|a|ﬁ|ﬀ|ﬃ|ﬆ|ﬅ|ŉ|ʼ|'){0,8}";

#[test]
fn letters_that_fold_to_one_are_seen_across_plain_groups() {
    for (pattern, folded) in [
        (r"(?i:s(?:s))", "ss"),
        (r"(?i:(?:s)s)", "ss"),
        (r"(?i:s(?:t))", "st"),
        (r"(?i:(?:f)(?:i))", "fi"),
        (r"(?i:.s(?:s))", "ss"),
        (r"(?i:s(?:(?:)(?:s)))", "ss"),
        (r"(?i:w(?:\x{30a}))", "w\u{30a}"),
        (r"(?i:i(?:\x{307}))", "i\u{307}"),
        (r"(?i:α(?:ι))", "αι"),
        (r"(?i:ե(?:ւ))", "եւ"),
        (r"(?<n>a)(?i:s(s))", "ss"),
    ] {
        let refusal = translate_pattern(pattern).unwrap_err();
        let expected = format!("{folded:?} without regard to case (?i)");
        assert_eq!(refusal.construct, expected, "{pattern}");
    }
    for pattern in
        [r"(?i:f(?:i|x))", r"(?i:s(?:a|s))", r"(?i:s(?=s))", r"(?i:s(s))", r"(?i:(?:s.)s)"]
    {
        assert!(translate_pattern(pattern).is_ok(), "{pattern}");
    }
}

const TEXTS: &str =
    "(a|b|s|S|A|1|2| |\n|\r\n|\t|é|ß|ſ|k|漢|e\u{301}|[.,'{-]|\u{a0}|x\u{200d}|²|ff){0,12}";

fn compare(pattern: &str, texts: &[String]) -> Result<(), TestCaseError> {
    let Ok(theirs) = onig::Regex::new(pattern) else { return Ok(()) };
    let Ok(translation) = translate_pattern(pattern) else { return Ok(()) };
    // What it cannot compile is refused by the tokenizer.
    let Ok(ours) = fancy_regex::Regex::new(&translation) else { return Ok(()) };
    for text in texts {
        let (theirs, ours) = (oniguruma(&theirs, text), translated(&ours, text));
        if let (Some(theirs), Some(ours)) = (theirs, ours) {
            prop_assert_eq!(theirs, ours, "{:?} as {:?} in {:?}", pattern, &translation, text);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_folds_to_one_letter_matches_what_oniguruma_matches(
        pattern in folding_pattern(),
        texts in prop::collection::vec(FOLDING_TEXTS, 6),
    ) {
        compare(&pattern, &texts)?;
    }

    #[test]
    fn what_is_translated_matches_what_oniguruma_matches(
        pattern in pattern(),
        texts in prop::collection::vec(TEXTS, 4),
    ) {
        compare(&pattern, &texts)?;
    }

    #[test]
    fn nothing_is_too_odd_to_be_read(pattern in "\\PC{0,24}|[\\[\\]\\\\(){}*+?|^$&:pP<>=!,x0-9a-i-]{0,24}") {
        if let Err(refusal) = translate_pattern(&pattern) {
            prop_assert!(!refusal.construct.is_empty() && refusal.pattern == pattern);
        }
    }
}

#[test]
fn negated_classes_in_classes_hold_what_oniguruma_makes_of_them_or_are_refused() {
    let all: String = ('\0'..'\u{3000}').collect();
    let items = [
        r"\p{Graph}",
        r"\D",
        r"\H",
        r"\h",
        r"\W",
        r"\w",
        "a",
        "é",
        "[:^alpha:]",
        "[:^ascii:]",
        r"\P{Graph}",
        r"\S",
        r"\s",
        "a-z",
        "β-ω",
        r"\x{0}-\x{10FFFF}",
        "[^a]",
        r"[^\S]",
        "",
    ];
    let mut refused = 0;
    for (first, second) in items.iter().flat_map(|first| items.map(|second| (first, second))) {
        for (before, after) in
            [("", "1"), ("^", ""), ("^", "1"), ("^é", ""), ("1&&", ""), ("", r"&&\W")]
        {
            let pattern = format!("[{before}[^{first}{second}]{after}]");
            let Ok(theirs) = onig::Regex::new(&pattern) else { continue };
            let Ok(translation) = translate_pattern(&pattern) else {
                refused += 1;
                continue;
            };
            let Ok(ours) = fancy_regex::Regex::new(&translation) else { continue };
            let (theirs, ours) = (oniguruma(&theirs, &all), translated(&ours, &all));
            assert!(theirs == ours, "{pattern} as {translation}");
        }
    }
    assert!(refused > 0);
    let refusal = translate_pattern(r"[^[^\p{Graph}\D]1]").unwrap_err().construct;
    assert_eq!(refusal, "a negated class of several sets in a class");
    for pattern in [r"[a[^\s\x{22}]]", r"[^[^\w]1]", "[^[^a-z]]", r"[[^\S]a]"] {
        assert!(translate_pattern(pattern).is_ok(), "{pattern}");
    }
}
