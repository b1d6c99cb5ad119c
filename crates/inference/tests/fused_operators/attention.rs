use super::codes::add_codes;
use super::draft::{Draft, Size, agree, fixed, float, int, ints};

/// The forms of masks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mask {
    None,
    /// `[B]`: ends of sequences.
    Ends,
    /// `[2 · B]`: ends of sequences, then their starts.
    Bounds,
    /// `[B, T]`
    Keys,
    /// `[B, S, T]`
    Pairs,
}

/// Sequences, queries and keys: how many, and by what names.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    queries: Size,
    keys: Size,
    causal: bool,
}

/// Adds an input with a mask, which lets every query see a key; the name of the input.
fn add_mask(d: &mut Draft, mask: Mask, sizes: Sizes) -> &'static str {
    let Sizes { batch, queries, keys: (_, keys), causal } = sizes;
    // A causal mask takes out all keys but the first of the first query.
    let ones = |d: &mut Draft, rows: usize| -> Vec<i32> {
        let of_row = |d: &mut Draft| {
            let kept = if causal { 0 } else { d.between(0, keys - 1) };
            (0..keys).map(|key| i32::from(key == kept || d.flag())).collect::<Vec<_>>()
        };
        (0..rows).flat_map(|_| of_row(d)).collect()
    };
    match mask {
        Mask::None => return "",
        Mask::Ends => {
            let ends: Vec<i32> = (0..batch).map(|_| d.between(1, keys) as i32).collect();
            d.input("mask", &[("batch", batch)], ends);
        }
        Mask::Bounds => {
            let ends: Vec<i32> = (0..batch).map(|_| d.between(1, keys) as i32).collect();
            let last = |end: &i32| if causal { 0 } else { *end as usize - 1 };
            let starts: Vec<i32> = ends.iter().map(|end| d.between(0, last(end)) as i32).collect();
            d.input("mask", &[fixed(2 * batch)], [ends, starts].concat());
        }
        Mask::Keys => {
            let ones = ones(d, batch);
            d.input("mask", &[("batch", batch), sizes.keys], ones);
        }
        Mask::Pairs => {
            let ones = ones(d, batch * queries.1);
            d.input("mask", &[("batch", batch), queries, sizes.keys], ones);
        }
    }
    "mask"
}

/// Adds what scores are summed with, now and then for all sequences alike; the name of the input.
fn add_bias(d: &mut Draft, sizes: Sizes, heads: usize) -> &'static str {
    if d.flag() {
        return "";
    }
    let Sizes { batch, queries, keys, .. } = sizes;
    let rows = if d.flag() { 1 } else { batch };
    let first = if rows == 1 { fixed(1) } else { ("batch", batch) };
    d.drawn_input("added", &[first, fixed(heads), queries, keys], |d, n| d.floats(n, 1.0));
    "added"
}

fn attributes(
    d: &mut Draft,
    heads: usize,
    causal: bool,
) -> Vec<pilotlight_onnx::proto::AttributeProto> {
    let mut attributes = vec![int("num_heads", heads as i64)];
    if causal {
        attributes.push(int("unidirectional", 1));
    }
    if d.flag() {
        attributes.push(float("scale", 0.3));
    }
    if d.flag() {
        attributes.push(float("mask_filter_value", -500.0));
    }
    attributes
}

/// The batch has a fixed size for masks whose size follows from it.
fn batch_of(mask: Mask, batch: usize) -> (&'static str, usize) {
    if mask == Mask::Bounds { fixed(batch) } else { ("batch", batch) }
}

/// Compares an operator with a mask, without and with a causal mask besides.
fn agree_with(operator: fn(&mut Draft, Mask, bool), mask: Mask) {
    for causal in [false, true] {
        agree(|d| operator(d, mask, causal));
    }
}

fn attention(d: &mut Draft, mask: Mask, causal: bool) {
    let (batch, tokens, columns) = (d.between(1, 3), d.between(1, 6), d.between(2, 9));
    let (heads, width) = (d.between(1, 3), 2 * d.between(1, 4));
    let hidden = heads * width;
    let named = ("tokens", tokens);
    let sizes = Sizes { batch, queries: named, keys: named, causal };
    d.drawn_input("x", &[batch_of(mask, batch), named, fixed(columns)], |d, n| d.floats(n, 1.0));
    let mut attributes = attributes(d, heads, causal);
    let mut values = hidden;
    if d.flag() {
        values = heads * d.between(1, 5);
        attributes
            .push(ints("qkv_hidden_sizes", vec![hidden as i64, hidden as i64, values as i64]));
    }
    let all = 2 * hidden + values;
    d.drawn_constant("weights", &[columns, all], |d, n| d.floats(n, 1.0));
    d.drawn_constant("bias", &[all], |d, n| d.floats(n, 1.0));
    let bias = d.optional("bias");
    let mask = add_mask(d, mask, sizes);
    let added = add_bias(d, sizes, heads);
    d.fused("Attention", &["x", "weights", bias, mask, "", added], &["y"], attributes);
    d.output("y", 1, 3);
}

#[test]
fn attention_without_a_mask() {
    agree_with(attention, Mask::None);
}

#[test]
fn attention_up_to_the_ends_of_sequences() {
    agree_with(attention, Mask::Ends);
}

#[test]
fn attention_between_the_bounds_of_sequences() {
    agree_with(attention, Mask::Bounds);
}

#[test]
fn attention_with_a_mask_of_tokens() {
    agree_with(attention, Mask::Keys);
}

#[test]
fn attention_with_a_mask_of_pairs() {
    agree_with(attention, Mask::Pairs);
}

fn multi_head(d: &mut Draft, mask: Mask, causal: bool) {
    let (batch, queries) = (d.between(1, 3), d.between(1, 5));
    let keys = if causal { queries } else { d.between(1, 6) };
    let (heads, width, value_width) = (d.between(1, 3), 2 * d.between(1, 4), 2 * d.between(1, 4));
    let (hidden, values) = (heads * width, heads * value_width);
    let (queries, keys) = (("queries", queries), ("keys", keys));
    let sizes = Sizes { batch, queries, keys, causal };
    for (name, tokens, columns) in
        [("q", queries, hidden), ("k", keys, hidden), ("v", keys, values)]
    {
        let shape = [("batch", batch), tokens, fixed(columns)];
        d.drawn_input(name, &shape, |d, n| d.floats(n, 1.0));
    }
    let bias = d.optional("bias");
    if !bias.is_empty() {
        d.drawn_constant(bias, &[2 * hidden + values], |d, n| d.floats(n, 1.0));
    }
    let attributes = attributes(d, heads, causal);
    let mask = add_mask(d, mask, sizes);
    let added = add_bias(d, sizes, heads);
    d.fused("MultiHeadAttention", &["q", "k", "v", bias, mask, added], &["y"], attributes);
    d.output("y", 1, 3);
}

#[test]
fn multi_head_attention_without_a_mask() {
    agree_with(multi_head, Mask::None);
}

#[test]
fn multi_head_attention_up_to_the_ends_of_sequences() {
    agree(|d| multi_head(d, Mask::Ends, false));
}

#[test]
fn multi_head_attention_with_a_mask_of_tokens() {
    agree_with(multi_head, Mask::Keys);
}

#[test]
fn multi_head_attention_with_a_mask_of_pairs() {
    agree(|d| multi_head(d, Mask::Pairs, false));
}

fn quantized(d: &mut Draft, mask: Mask, causal: bool) {
    let (batch, tokens, columns) = (d.between(1, 3), d.between(1, 6), d.between(2, 9));
    let heads = d.between(1, 3);
    let hidden = heads * 2 * d.between(1, 4);
    let named = ("tokens", tokens);
    let sizes = Sizes { batch, queries: named, keys: named, causal };
    d.drawn_input("x", &[batch_of(mask, batch), named, fixed(columns)], Draft::bytes);
    let shape = add_codes(d, "weights", [columns, 3 * hidden]);
    d.drawn_constant("bias", &[3 * hidden], |d, n| d.floats(n, 1.0));
    d.drawn_constant("weights_scale", &shape, |d, n| d.scales(n, 0.01));
    d.constant("scale", &[], vec![0.02f32]);
    d.drawn_constant("zero", &[], Draft::bytes);
    let zero = ["zero", "weights_zero"].map(|name| d.optional(name));
    // Codes per column are moved by zero points per column.
    let zero = if shape.is_empty() { zero } else { ["zero", "weights_zero"] };
    let attributes = attributes(d, heads, causal);
    let attributes = attributes.into_iter().filter(|attribute| attribute.name != "scale").collect();
    let mask = add_mask(d, mask, sizes);
    let inputs = ["x", "weights", "bias", "scale", "weights_scale", mask, zero[0], zero[1]];
    d.fused("QAttention", &inputs, &["y"], attributes);
    d.output("y", 1, 3);
}

#[test]
fn quantized_attention_with_every_mask() {
    for mask in [Mask::None, Mask::Ends, Mask::Bounds, Mask::Keys, Mask::Pairs] {
        agree_with(quantized, mask);
    }
}

#[test]
fn rotary_embeddings_of_pairs_and_of_halves() {
    for interleaved in [0, 1] {
        agree(|d| {
            let (batch, tokens, heads) = (d.between(1, 3), d.between(1, 5), d.between(1, 3));
            let (half, rows) = (d.between(1, 4), 12);
            let width = heads * 2 * half;
            let x = d.floats(batch * tokens * width, 1.0);
            if d.flag() {
                d.input("x", &[("batch", batch), ("tokens", tokens), fixed(width)], x);
                d.output("y", 1, 3);
            } else {
                let sizes = [("batch", batch), fixed(heads), ("tokens", tokens), fixed(2 * half)];
                d.input("x", &sizes, x);
                d.output("y", 1, 4);
            }
            if d.flag() {
                let first = d.between(0, rows - tokens) as i64;
                d.input("positions", &[fixed(1)], vec![first]);
            } else {
                let positions = d.places(batch * tokens, rows).into_iter().map(i64::from);
                let positions: Vec<i64> = positions.collect();
                d.input("positions", &[("batch", batch), ("tokens", tokens)], positions);
            }
            for table in ["cosines", "sines"] {
                d.drawn_constant(table, &[rows, half], |d, n| d.floats(n, 1.0));
            }
            let attributes = vec![int("interleaved", interleaved)];
            let inputs = ["x", "positions", "cosines", "sines"];
            d.fused("RotaryEmbedding", &inputs, &["y"], attributes);
        });
    }
}
