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

const TEXTS: &str =
    "(a|b|s|S|A|1|2| |\n|\r\n|\t|é|ß|ſ|k|漢|e\u{301}|[.,'{-]|\u{a0}|x\u{200d}|²|ff){0,12}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_translated_matches_what_oniguruma_matches(
        pattern in pattern(),
        texts in prop::collection::vec(TEXTS, 4),
    ) {
        let Ok(theirs) = onig::Regex::new(&pattern) else { return Ok(()) };
        let Ok(translation) = translate_pattern(&pattern) else { return Ok(()) };
        // What it cannot compile is refused by the tokenizer.
        let Ok(ours) = fancy_regex::Regex::new(&translation) else { return Ok(()) };
        for text in texts {
            let (theirs, ours) = (oniguruma(&theirs, &text), translated(&ours, &text));
            if let (Some(theirs), Some(ours)) = (theirs, ours) {
                prop_assert_eq!(theirs, ours, "{:?} as {:?} in {:?}", &pattern, &translation, &text);
            }
        }
    }

    #[test]
    fn nothing_is_too_odd_to_be_read(pattern in "\\PC{0,24}|[\\[\\]\\\\(){}*+?|^$&:pP<>=!,x0-9a-i-]{0,24}") {
        if let Err(refusal) = translate_pattern(&pattern) {
            prop_assert!(!refusal.construct.is_empty() && refusal.pattern == pattern);
        }
    }
}
