//! When two answers say the same, and what is told when they do not.

use pilotlight_router::{Comparison, Difference, compare};
use proptest::prelude::*;
use serde_json::{Value, json};

fn difference(expected: &[u8], found: &[u8], tolerance: f64) -> Option<Difference> {
    match compare(expected, found, tolerance) {
        Comparison::Same => None,
        Comparison::Different(difference) => Some(difference),
    }
}

fn told(expected: &Value, found: &Value, tolerance: f64) -> Option<String> {
    let (expected, found) = (expected.to_string(), found.to_string());
    let difference = difference(expected.as_bytes(), found.as_bytes(), tolerance)?;
    Some(difference.to_string())
}

fn answer(label: &str, score: f64, start: u32) -> Value {
    json!([{ "entity_group": label, "score": score, "start": start, "word": "Anna" }])
}

#[test]
fn scores_may_differ_within_the_tolerance() {
    let expected = answer("PER", 0.98, 4);
    assert_eq!(told(&expected, &answer("PER", 0.985, 4), 0.01), None);
    let far = told(&expected, &answer("PER", 0.9, 4), 0.01);
    assert_eq!(far.as_deref(), Some("\"/0/score\": 0.9 instead of 0.98"));
    assert_eq!(told(&json!([11.5]), &json!([11.59]), 0.01), None, "a hundredth of a logit");
    assert!(told(&json!([11.5]), &json!([11.7]), 0.01).is_some());
    assert_eq!(told(&json!(1.0), &json!(1), 0.0), None, "one of them is no integer");
    assert_eq!(told(&json!(0), &json!(-0.0), 0.0), None);
}

#[test]
fn labels_and_integers_must_be_equal() {
    let expected = answer("PER", 0.98, 4);
    let label = told(&expected, &answer("ORG", 0.98, 4), 1.0);
    assert_eq!(label.as_deref(), Some("\"/0/entity_group\": different text"));
    let start = told(&expected, &answer("PER", 0.98, 5), 10.0);
    assert_eq!(start.as_deref(), Some("\"/0/start\": 5 instead of 4"));
    let large = (json!(u64::MAX), json!(u64::MAX - 1));
    assert!(told(&large.0, &large.1, 1.0).is_some());
}

#[test]
fn structure_must_be_equal() {
    for (expected, found, difference) in [
        (json!([1, 2]), json!([1]), "\"\": 1 elements instead of 2"),
        (json!({ "a": 1 }), json!({}), "\"/a\": missing"),
        (json!({}), json!({ "secret": 1 }), "\"\": has an unexpected field"),
        (json!({ "a/b~": [true] }), json!({ "a/b~": [false] }), "\"/a~1b~0/0\": different boolean"),
        (json!({ "a": null }), json!({ "a": "x" }), "\"/a\": a string instead of null"),
        (json!([{}]), json!([[]]), "\"/0\": a list instead of an object"),
    ] {
        assert_eq!(told(&expected, &found, 0.0).as_deref(), Some(difference));
    }
}

#[test]
fn the_order_of_fields_and_spaces_do_not_count() {
    assert_eq!(difference(br#"{"a": 1, "b": 2}"#, br#"{"b":2,"a":1}"#, 0.0), None);
}

#[test]
fn bodies_that_are_no_json_must_be_equal() {
    assert_eq!(difference(b"plain", b"plain", 0.0), None);
    assert_eq!(difference(b"", b"", 0.0), None);
    for (expected, found) in [("plain", "plane"), ("1", "1 x"), ("", "1")] {
        let difference = difference(expected.as_bytes(), found.as_bytes(), 1.0).unwrap();
        assert_eq!(difference.to_string(), "\"\": different content that is not JSON");
    }
    let deep = "[".repeat(100_000);
    assert!(difference(deep.as_bytes(), b"1", 1.0).is_some());
}

#[test]
fn texts_are_not_told_and_long_pointers_are_cut() {
    let (one, two) = (json!({ "x": "Anna" }), json!({ "x": "Otto", "Bob": 1 }));
    let told_ = told(&one, &two, 0.0).unwrap();
    assert!(!["Anna", "Otto", "Bob"].iter().any(|text| told_.contains(text)), "{told_}");
    let long = "ü".repeat(10_000);
    let difference = told(&json!({ &long: 1 }), &json!({ &long: 2 }), 0.0).unwrap();
    assert!(difference.chars().count() < 250, "{difference}");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e3f64..1e3).prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z/~]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_answer_equals_itself_and_comparing_is_symmetric(one in value(), two in value()) {
        let pretty = serde_json::to_vec_pretty(&one).unwrap();
        prop_assert_eq!(difference(one.to_string().as_bytes(), &pretty, 0.0), None);
        let same = |one: &Value, two: &Value| told(one, two, 0.5).is_none();
        prop_assert_eq!(same(&one, &two), same(&two, &one));
    }

    #[test]
    fn a_pointer_leads_to_the_difference(one in value(), two in value()) {
        let (expected, found) = (one.to_string(), two.to_string());
        if let Some(difference) = difference(expected.as_bytes(), found.as_bytes(), 0.0) {
            let places = (one.pointer(&difference.pointer), two.pointer(&difference.pointer));
            prop_assert!(places.0.is_some() && places.0 != places.1);
        }
    }

    #[test]
    fn any_bytes_and_tolerances_are_compared(
        one in prop::collection::vec(any::<u8>(), 0..40), two in "[0-9.e\\[\\]{}\":,-]{0,20}", tolerance: f64,
    ) {
        prop_assert_eq!(difference(&one, &one, tolerance), None);
        let _ = compare(&one, two.as_bytes(), tolerance);
        let _ = compare(two.as_bytes(), &one, tolerance);
    }
}
