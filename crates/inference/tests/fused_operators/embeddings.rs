use super::draft::{Draft, Size, agree, fixed, float};

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
    d.drawn_input("ids", &sizes, |d, n| d.places(n, words));
    // Small numbers tell how large epsilon is.
    for (name, rows) in [("words", words), ("places", rows), ("segments", 2)] {
        d.drawn_constant(name, &[rows, hidden], |d, n| d.floats(n, 2e-3));
    }
    for name in ["gamma", "beta"] {
        d.drawn_constant(name, &[hidden], |d, n| d.floats(n, 1.0));
    }
    let mut inputs = ["ids", "", "words", "places", "", "gamma", "beta", "", ""];
    if segments {
        d.drawn_input("segment_ids", &sizes, |d, n| d.places(n, 2));
        (inputs[1], inputs[4]) = ("segment_ids", "segments");
    }
    if d.flag() {
        d.drawn_input("mask", &sizes, |d, n| d.places(n, 2));
        inputs[7] = "mask";
    }
    if places {
        d.drawn_input("positions", &sizes, |d, n| d.places(n, rows));
        inputs[8] = "positions";
    }
    let attributes = if d.flag() { vec![float("epsilon", 1e-6)] } else { Vec::new() };
    let sum = d.optional("sum");
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
    d.drawn_input("x", &sizes, |d, n| d.floats(n, 2e-3));
    // What is added may be the same for each text.
    let of_one_text = [fixed(1), sizes[1], sizes[2]];
    let skip: &[Size] = match d.between(0, 2) {
        0 => &sizes,
        1 => &of_one_text,
        _ => &sizes[1..],
    };
    d.drawn_input("skip", skip, |d, n| d.floats(n, 2e-3));
    for (name, largest) in [("gamma", 1.0), ("beta", 1.0), ("bias", 2e-3)] {
        d.drawn_constant(name, &[hidden], |d, n| d.floats(n, largest));
    }
    let [beta, bias] = ["beta", "bias"].map(|name| d.optional(name));
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
