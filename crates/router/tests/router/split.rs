//! How requests without a key are split, and how those with one are.

use std::collections::BTreeMap;

use pilotlight_router::{Choice, Router};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{decide, draws, get, likely, router, target, two};

const REQUESTS: usize = 100_000;
/// Fewer, as each is hashed for each target.
const USERS: usize = 30_000;
const WEIGHTS: [&[f64]; 7] = [
    &[1.0, 1.0],
    &[99.0, 1.0],
    &[0.7, 0.2, 0.1],
    &[1e-3, 1e-3, 5e-3],
    &[0.0, 3.0, 1.0],
    &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    &[1e9, 1e-9],
];

fn targets(weights: &[f64]) -> Value {
    let targets = ["a", "b", "c", "d", "e", "f"].into_iter().zip(weights);
    targets.map(|(target, weight)| json!({ "target": target, "weight": weight })).collect()
}

fn assert_split(router: &Router, weights: &[f64], counts: &BTreeMap<String, usize>) {
    let sum: f64 = weights.iter().sum();
    let requests = counts.values().sum();
    for (name, weight) in ["a", "b", "c", "d", "e", "f"].into_iter().zip(weights) {
        let count = counts.get(name).copied().unwrap_or(0);
        assert!(likely(count, requests, weight / sum), "{name} of {weights:?}: {count}");
        assert!(*weight > 0.0 || count == 0, "a weight of 0 receives nobody");
    }
    let shares: f64 = router.shares(0).unwrap().iter().sum();
    assert!((shares - 1.0).abs() < 1e-9);
}

#[test]
fn requests_are_split_by_the_weights() {
    for (seed, weights) in WEIGHTS.into_iter().enumerate() {
        let router = router(json!([{ "to": targets(weights) }]));
        let mut counts = BTreeMap::new();
        for draw in draws(seed as u64).take(REQUESTS) {
            let decision = decide(&router, &get("/"), draw);
            assert_eq!(decision.choice, Choice::Drawn);
            *counts.entry(decision.target.to_string()).or_insert(0) += 1;
        }
        assert_split(&router, weights, &counts);
    }
}

#[test]
fn users_are_split_by_the_weights() {
    for weights in WEIGHTS {
        let router = router(json!([{ "to": targets(weights), "sticky": { "query": "user" } }]));
        let mut counts = BTreeMap::new();
        for user in 0..USERS {
            let decision = decide(&router, &get("/").query(&format!("user=user-{user}")), 0);
            assert_eq!(decision.choice, Choice::Sticky);
            *counts.entry(decision.target.to_string()).or_insert(0) += 1;
        }
        assert_split(&router, weights, &counts);
    }
}

#[test]
fn the_first_and_the_last_draw_fall_on_arms_with_weight() {
    let router = router(json!([{ "to": targets(&[0.0, 1.0, 0.1, 0.0]) }]));
    assert_eq!(target(&router, &get("/"), 0), "b");
    assert_eq!(target(&router, &get("/"), u64::MAX), "c");
}

#[test]
fn a_route_with_one_target_draws_nothing() {
    let router = router(json!([{ "to": "a@previous", "sticky": { "query": "user" } }]));
    let decision = decide(&router, &get("/").query("user=1"), 7);
    assert_eq!(
        (decision.target.to_string().as_str(), decision.choice),
        ("a@previous", Choice::Only)
    );
}

proptest! {
    #[test]
    fn only_the_proportion_of_weights_counts(draw: u64, a in 1u32..1000, b in 1u32..1000) {
        // Powers of two scale without rounding.
        let (a, b) = (f64::from(a), f64::from(b));
        let (one, other) = (two(a, b), two(a / 1024.0, b / 1024.0));
        let (one, other) = (router(json!([{ "to": one }])), router(json!([{ "to": other }])));
        prop_assert_eq!(target(&one, &get("/"), draw), target(&other, &get("/"), draw));
    }
}
