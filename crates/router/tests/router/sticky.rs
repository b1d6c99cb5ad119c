//! The same user keeps the same target, and only those move that must.

use pilotlight_router::{Choice, Router};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Sent, decide, get, likely, router, target, two};

fn by_user(to: Value) -> Router {
    router(json!([{ "to": to, "sticky": { "header": "X-User" } }]))
}

fn user(number: usize) -> Sent {
    get("/").header("x-user", &format!("user-{number}"))
}

fn targets(targets: &[(&str, f64)]) -> Value {
    targets.iter().map(|(target, weight)| json!({ "target": target, "weight": weight })).collect()
}

/// Computed apart from this crate, in another language: users must not move with a version.
#[test]
fn targets_of_known_users_stay_for_ever() {
    let router = by_user(targets(&[("a", 3.0), ("b@previous", 1.0), ("c@0123abcd", 1.0)]));
    let expected = ["c@0123abcd", "a", "a", "a", "c@0123abcd", "a", "a", "a", "c@0123abcd", "a"];
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(target(&router, &user(number), 0), expected, "user-{number}");
    }
}

#[test]
fn the_key_is_the_same_wherever_it_is_found() {
    let sources = [
        (json!({ "header": "x-user" }), get("/").header("X-USER", "42")),
        (json!({ "cookie": "uid" }), get("/").header("cookie", "a=b; uid=42; c=d")),
        (json!({ "cookie": "uid" }), get("/").header("cookie", "x").header("cookie", "uid=\"42\"")),
        (json!({ "cookie": "uid" }), get("/").header("cookie", " ;; uid = 42 ;uid=43")),
        (json!({ "query": "user id" }), get("/").query("x&user+id=%34%32&user+id=43")),
        (json!({ "json": "/user/id" }), get("/").body(r#"{"user": {"id": "42"}}"#)),
        (json!({ "json": "/user/id" }), get("/").body(r#"{"user": {"id": 42}, "x": [1]}"#)),
        (json!({ "json": "/users/1" }), get("/").body(r#"{"users": [41, 42, 43]}"#)),
    ];
    let weights = targets(&[("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 1.0), ("e", 1.0)]);
    let expected = by_user(weights.clone());
    let expected = target(&expected, &get("/").header("x-user", "42"), 0);
    for (sticky, sent) in sources {
        let router = router(json!([{ "to": weights, "sticky": sticky }]));
        for draw in [0, u64::MAX] {
            let decision = decide(&router, &sent, draw);
            assert_eq!(decision.choice, Choice::Sticky, "{sticky}");
            assert_eq!(decision.target.to_string(), expected, "{sticky}");
        }
    }
}

#[test]
fn requests_without_a_key_are_split_at_random() {
    let without = [
        (json!({ "header": "x-user" }), get("/")),
        (json!({ "header": "x-user" }), get("/").header("x-user", "")),
        (json!({ "cookie": "uid" }), get("/").header("cookie", "UID=1; uid; =1; uidx=1; uid=")),
        (json!({ "query": "user" }), get("/").query("User=1&user=&x=user")),
        (json!({ "query": "user" }), get("/")),
        (json!({ "json": "/id" }), get("/")),
        (json!({ "json": "/id" }), get("/").body("")),
        (json!({ "json": "/id" }), get("/").body(r#"{"id": "1""#)),
        (json!({ "json": "/id" }), get("/").body(r#"{"id": "1"} x"#)),
        (json!({ "json": "/id" }), get("/").body(r#"{"id": ""}"#)),
        (json!({ "json": "/id" }), get("/").body(r#"{"id": null}"#)),
        (json!({ "json": "/id" }), get("/").body(r#"{"id": 1.5}"#)),
        (json!({ "json": "/id" }), get("/").body(r#"{"id": {"id": 1}}"#)),
        (json!({ "json": "/id" }), get("/").body(r#"{"id": 1, "id": []}"#)),
        (json!({ "json": "/0" }), get("/").body("[]")),
        (json!({ "json": "/00" }), get("/").body("[1]")),
    ];
    for (sticky, sent) in without {
        let router = router(json!([{ "to": two(1.0, 1.0), "sticky": sticky }]));
        assert_eq!(decide(&router, &sent, 0).choice, Choice::Drawn, "{sticky} {sent:?}");
        assert_eq!(target(&router, &sent, 0), "a");
        assert_eq!(target(&router, &sent, u64::MAX), "b");
    }
}

#[test]
fn as_many_users_move_as_the_weights_say() {
    let (before, after) = (by_user(two(90.0, 10.0)), by_user(two(80.0, 20.0)));
    let users = 50_000;
    let mut moved = 0;
    for number in 0..users {
        let (from, to) = (target(&before, &user(number), 0), target(&after, &user(number), 0));
        if from != to {
            assert_eq!((from.as_str(), to.as_str()), ("a", "b"));
            moved += 1;
        }
    }
    assert!(likely(moved, users, 0.1), "{moved} of {users} moved");
}

#[test]
fn users_stay_when_routes_or_arms_change_places() {
    let to = |names: [&str; 3]| targets(&names.map(|name| (name, f64::from(name.as_bytes()[0]))));
    let sticky = json!({ "header": "x-user" });
    let one = router(json!([{ "to": to(["a", "b", "c"]), "sticky": sticky }]));
    let other = router(json!([
        { "match": { "path": "/other" }, "to": "d" },
        { "name": "renamed", "to": to(["c", "a", "b"]), "sticky": sticky },
    ]));
    for number in 0..500 {
        assert_eq!(target(&one, &user(number), 0), target(&other, &user(number), 1));
    }
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn weights() -> impl Strategy<Value = Vec<f64>> {
    let weight = prop_oneof![1 => Just(0.0), 5 => 0.001f64..10.0];
    prop::collection::vec(weight, 2..=6)
        .prop_filter("some weight", |weights| weights.iter().any(|weight| *weight > 0.0))
}

fn weighted(weights: &[f64]) -> Router {
    let pairs: Vec<_> = NAMES.into_iter().zip(weights.iter().copied()).collect();
    by_user(targets(&pairs))
}

/// Where users were and are, of those that moved.
fn moves(before: &Router, after: &Router) -> Vec<(String, String)> {
    let users = (0..200).map(user);
    let moves = users.map(|user| (target(before, &user, 0), target(after, &user, 1)));
    moves.filter(|(from, to)| from != to).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_weight_moves_users_only_to_that_arm_or_from_it(
        weights in weights(), place: prop::sample::Index, weight in 0.001f64..10.0,
    ) {
        let place = place.index(weights.len());
        let mut changed = weights.clone();
        changed[place] = weight;
        for (from, to) in moves(&weighted(&weights), &weighted(&changed)) {
            let grown = weight > weights[place];
            prop_assert_eq!(if grown { to } else { from }, NAMES[place]);
        }
    }

    #[test]
    fn an_arm_that_comes_or_goes_moves_only_its_own_users(weights in weights()) {
        prop_assume!(weights.len() > 2 && weights[..weights.len() - 1].iter().any(|w| *w > 0.0));
        let (few, all) = (weighted(&weights[..weights.len() - 1]), weighted(&weights));
        let last = NAMES[weights.len() - 1];
        for (_, to) in moves(&few, &all) {
            prop_assert_eq!(to, last);
        }
        for (from, _) in moves(&all, &few) {
            prop_assert_eq!(from, last);
        }
    }

    #[test]
    fn any_user_keeps_their_arm(weights in weights(), key in "[!-~]{1,40}", draws: [u64; 3]) {
        let (one, other) = (weighted(&weights), weighted(&weights));
        let sent = get("/").header("x-user", &key);
        for draw in draws {
            prop_assert_eq!(target(&one, &sent, draw), target(&other, &sent, !draw));
        }
    }

    #[test]
    fn any_cookie_is_found_among_others(
        before in "[a-z =;\"]{0,20}", name in "[A-Z]{1,8}", value in "[0-9a-zA-Z=/+]{1,20}",
    ) {
        let to = two(1.0, 1.0);
        let by_cookie = router(json!([{ "to": to, "sticky": { "cookie": name } }]));
        let sent = get("/").header("cookie", &format!("{before};{name}={value}; x=y"));
        let expected = get("/").header("x-user", &value);
        prop_assert_eq!(target(&by_cookie, &sent, 0), target(&by_user(to), &expected, 0));
    }
}
