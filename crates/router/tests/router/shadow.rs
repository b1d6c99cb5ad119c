//! Which requests are mirrored.

use serde_json::json;

use crate::support::{decide, draws, get, likely, router, two};

#[test]
fn a_share_is_mirrored_whatever_arm_was_drawn() {
    let shadow = json!({ "target": "c@previous", "share": 0.1, "tolerance": 0.02 });
    let router = router(json!([{ "to": two(1.0, 3.0), "shadow": shadow }]));
    let (mut of_a, mut mirrored, mut mirrored_of_a) = (0, 0, 0);
    let requests = 100_000;
    for draw in draws(1).take(requests) {
        let decision = decide(&router, &get("/"), draw);
        let is_a = decision.target.function == "a";
        of_a += usize::from(is_a);
        if let Some(shadow) = decision.shadow {
            assert_eq!(
                (shadow.target.to_string().as_str(), shadow.tolerance),
                ("c@previous", 0.02)
            );
            mirrored += 1;
            mirrored_of_a += usize::from(is_a);
        }
    }
    assert!(likely(mirrored, requests, 0.1), "{mirrored}");
    assert!(likely(mirrored_of_a, of_a, 0.1), "{mirrored_of_a} of {of_a}");
}

#[test]
fn all_or_nothing_is_mirrored_if_the_share_says_so() {
    for (share, mirrored) in [(0, false), (1, true)] {
        let shadow = json!({ "target": "b", "share": share });
        let router = router(json!([{ "to": "a", "shadow": shadow }]));
        for draw in draws(2).take(1000).chain([0, u64::MAX]) {
            assert_eq!(decide(&router, &get("/"), draw).shadow.is_some(), mirrored);
        }
    }
}

#[test]
fn a_target_is_not_compared_with_itself() {
    let shadow = json!({ "target": "b", "share": 1 });
    let router = router(json!([{ "to": two(1.0, 1.0), "shadow": shadow }]));
    for draw in draws(3).take(100) {
        let decision = decide(&router, &get("/"), draw);
        assert_eq!(decision.shadow.is_some(), decision.target.function == "a");
    }
}
