//! What is not lowered is refused by name, never computed wrong.

use pilotlight_testing::graphs::node;

use super::draft::{Draft, fixed, int, refusal};

fn sequences(d: &mut Draft, names: &[&str]) {
    for name in names {
        d.input(name, &[fixed(1), fixed(2), fixed(4)], vec![0.0f32; 8]);
    }
    d.output("y", 1, 3);
}

#[test]
fn an_operator_that_is_not_lowered_is_named_with_its_domain() {
    let refused = refusal(|d| {
        sequences(d, &["x", "bias"]);
        d.fused("BiasSoftmax", &["x", "bias"], &["y"], vec![int("axis", 2)]);
    });
    assert!(refused.contains("com.microsoft.BiasSoftmax is not supported"), "{refused}");
    assert!(refused.contains("--compute host"), "{refused}");
}

#[test]
fn an_operator_of_onnx_runtime_is_none_of_onnx() {
    let refused = refusal(|d| {
        sequences(d, &["x", "bias"]);
        d.node("", node("BiasGelu", &["x", "bias"], &["y"]));
    });
    assert!(refused.contains("operator BiasGelu is not supported"), "{refused}");
}

#[test]
fn keys_and_values_of_the_past_are_refused() {
    let past = |d: &mut Draft| {
        d.input("past", &[fixed(2), fixed(1), fixed(1), fixed(1), fixed(4)], vec![0.0f32; 8]);
    };
    let refused = refusal(|d| {
        sequences(d, &["x"]);
        past(d);
        d.constant("weights", &[4, 12], vec![0.0f32; 48]);
        d.constant("bias", &[12], vec![0.0f32; 12]);
        let inputs = ["x", "weights", "bias", "", "past"];
        d.fused("Attention", &inputs, &["y"], vec![int("num_heads", 1)]);
    });
    assert!(refused.contains("past keys and values are not supported"), "{refused}");
    let refused = refusal(|d| {
        sequences(d, &["q", "k", "v"]);
        past(d);
        let inputs = ["q", "k", "v", "", "", "", "past", "past"];
        d.fused("MultiHeadAttention", &inputs, &["y"], vec![int("num_heads", 1)]);
    });
    assert!(refused.contains("past keys and values are not supported"), "{refused}");
}

#[test]
fn packed_queries_keys_and_values_are_refused() {
    let refused = refusal(|d| {
        sequences(d, &["q"]);
        d.fused("MultiHeadAttention", &["q"], &["y"], vec![int("num_heads", 1)]);
    });
    assert!(refused.contains("packed queries, keys and values"), "{refused}");
}
