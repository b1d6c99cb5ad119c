use super::draft::{Draft, agree, fixed, float};

#[test]
fn embeddings_of_tokens_positions_and_segments_are_normalized() {
    for segments in [false, true] {
        for places in [false, true] {
            agree(|d| embeddings(d, segments, places));
        }
    }
}

fn embeddings(d: &mut Draft, segments: bool, places: bool) {
    let (batch, tokens, hidden) = (d.between(1, 3), d.between(1, 6), d.between(2, 9));
    let sizes = [("batch", batch), ("tokens", tokens)];
    let (words, rows) = (11, 7);
    let ids = d.places(batch * tokens, words);
    d.input("ids", &sizes, ids);
    // Small numbers tell how large epsilon is.
    for (name, rows) in [("words", words), ("places", rows), ("segments", 2)] {
        let table = d.floats(rows * hidden, 2e-3);
        d.constant(name, &[rows, hidden], table);
    }
    for name in ["gamma", "beta"] {
        let values = d.floats(hidden, 1.0);
        d.constant(name, &[hidden], values);
    }
    let mut inputs = ["ids", "", "words", "places", "", "gamma", "beta", "", ""];
    if segments {
        let segments = d.places(batch * tokens, 2);
        d.input("segment_ids", &sizes, segments);
        (inputs[1], inputs[4]) = ("segment_ids", "segments");
    }
    if d.flag() {
        let mask = d.places(batch * tokens, 2);
        d.input("mask", &sizes, mask);
        inputs[7] = "mask";
    }
    if places {
        let positions = d.places(batch * tokens, rows);
        d.input("positions", &sizes, positions);
        inputs[8] = "positions";
    }
    let attributes = if d.flag() { vec![float("epsilon", 1e-6)] } else { Vec::new() };
    let sum = if d.flag() { "sum" } else { "" };
    d.fused("EmbedLayerNormalization", &inputs, &["y", "counts", sum], attributes);
    d.output("y", 1, 3);
    d.output("counts", 6, 1);
    if !sum.is_empty() {
        d.output("sum", 1, 3);
    }
}

/// `SkipLayerNormalization`, or the one without mean and beta.
fn skip(d: &mut Draft, simplified: bool) {
    let (batch, tokens, hidden) = (d.between(1, 3), d.between(1, 6), d.between(2, 9));
    let sizes = [("batch", batch), ("tokens", tokens), fixed(hidden)];
    let x = d.floats(batch * tokens * hidden, 2e-3);
    d.input("x", &sizes, x);
    // What is added may be the same for each text.
    match d.between(0, 2) {
        0 => {
            let skip = d.floats(batch * tokens * hidden, 2e-3);
            d.input("skip", &sizes, skip);
        }
        1 => {
            let skip = d.floats(tokens * hidden, 2e-3);
            d.input("skip", &[fixed(1), ("tokens", tokens), fixed(hidden)], skip);
        }
        _ => {
            let skip = d.floats(tokens * hidden, 2e-3);
            d.input("skip", &[("tokens", tokens), fixed(hidden)], skip);
        }
    }
    for (name, largest) in [("gamma", 1.0), ("beta", 1.0), ("bias", 2e-3)] {
        let values = d.floats(hidden, largest);
        d.constant(name, &[hidden], values);
    }
    let [beta, bias] = ["beta", "bias"].map(|name| if d.flag() { name } else { "" });
    let attributes = if d.flag() { vec![float("epsilon", 1e-6)] } else { Vec::new() };
    let outputs = ["y", "", "", "sum"];
    let outputs = if d.flag() { &outputs[..] } else { &outputs[..1] };
    if simplified {
        let inputs = ["x", "skip", "gamma", bias];
        d.fused("SkipSimplifiedLayerNormalization", &inputs, outputs, attributes);
    } else {
        let inputs = ["x", "skip", "gamma", beta, bias];
        d.fused("SkipLayerNormalization", &inputs, outputs, attributes);
    }
    d.output("y", 1, 3);
    if outputs.len() > 1 {
        d.output("sum", 1, 3);
    }
}

#[test]
fn sums_are_normalized() {
    agree(|d| skip(d, false));
}

#[test]
fn sums_are_normalized_without_their_mean() {
    agree(|d| skip(d, true));
}
