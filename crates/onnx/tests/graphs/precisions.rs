use pilotlight_onnx::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
use pilotlight_onnx::{depends_on_batch, rewrite};
use proptest::prelude::*;
use tract_core::internal::Tensor;

use crate::support::{
    LABELS, Plan, default_model, float, floats, floats_of, ids, int, largest_difference, model,
    node, nodes, noise, value,
};

fn count(model: &ModelProto, op_type: &str) -> usize {
    nodes(model).iter().filter(|node| node.op_type == op_type).count()
}

fn constants(model: &ModelProto) -> Vec<&str> {
    model.graph.as_ref().unwrap().initializer.iter().map(|tensor| &tensor.name[..]).collect()
}

fn rewritten(
    model: &ModelProto,
    rewrite: fn(&mut ModelProto) -> Result<(), pilotlight_onnx::OnnxError>,
) -> ModelProto {
    let mut model = model.clone();
    rewrite(&mut model).unwrap();
    model
}

#[test]
fn expanding_the_default_model_changes_no_result() {
    let original = default_model();
    let expanded = rewritten(&original, rewrite::to_f32);
    assert_eq!(count(&expanded, "MatMulNBits"), 0);
    assert!(!constants(&expanded).iter().any(|name| name.ends_with("_Q4")));
    let rows = [ids(43, 1), ids(43, 2)];
    let (before, after) = (Plan::of(original).logits(&rows), Plan::of(expanded).logits(&rows));
    assert!(largest_difference(&before, &after) < 1e-5);
}

#[test]
fn eight_bits_change_few_labels_of_the_default_model() {
    let original = default_model();
    let quantized = rewritten(&original, rewrite::to_int8);
    // All but the classifier and attention's.
    assert_eq!(count(&quantized, "MatMulIntegerToFloat"), 37 - 1 - 4 * 6);
    assert_eq!(count(&quantized, "ReduceMax"), 2 * 6);
    assert!(!depends_on_batch(&original) && !depends_on_batch(&quantized));
    let labels = |logits: &[f32]| -> Vec<usize> {
        let best = |row: &[f32]| (0..LABELS).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        logits.chunks_exact(LABELS).map(best).collect()
    };
    let row = [ids(200, 3)];
    let before = labels(&Plan::of(original).logits(&row));
    let after = labels(&Plan::of(quantized).logits(&row));
    let equal = before.iter().zip(&after).filter(|(a, b)| a == b).count();
    assert!(equal >= 190, "{equal} of 200 labels are equal");
}

/// `y = x · W` with weights of `bits` bits, zero points and a bias.
fn quantized_product(bits: i64, (k, n): (usize, usize), seed: u64) -> ModelProto {
    let blocks = k.div_ceil(16);
    let random = |count: usize, seed| -> Vec<u8> {
        noise(count, seed).iter().map(|x| ((x + 1.0) * 127.0) as u8).collect()
    };
    let bytes = |name: &str, values: Vec<u8>| TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: 2,
        raw_data: values.into(),
        ..Default::default()
    };
    let bits_of = |codes: usize| (codes * bits as usize).div_ceil(8);
    let product = node("MatMulNBits", &["x", "codes", "scales", "zeros", "", "bias"], "y");
    model(GraphProto {
        node: vec![NodeProto {
            domain: "com.microsoft".into(),
            attribute: vec![
                int("K", k as i64),
                int("N", n as i64),
                int("bits", bits),
                int("block_size", 16),
            ],
            ..product
        }],
        initializer: vec![
            bytes("codes", random(n * bits_of(blocks * 16), seed)),
            floats("scales", &[(n * blocks) as i64], &noise(n * blocks, seed + 1)),
            bytes("zeros", random(n * bits_of(blocks), seed + 2)),
            floats("bias", &[n as i64], &noise(n, seed + 3)),
        ],
        input: vec![value("x", 1, &["m", "k"])],
        output: vec![value("y", 1, &["m", "n"])],
        ..Default::default()
    })
}

/// `y = Gemm(x, W, bias)` or `MatMul(x, W)`.
fn product(gemm: bool, (k, n): (usize, usize), weights: &[f32]) -> ModelProto {
    let graph = GraphProto {
        node: vec![node("MatMul", &["x", "w"], "y")],
        initializer: vec![floats("w", &[k as i64, n as i64], weights)],
        input: vec![value("x", 1, &["m", &k.to_string()])],
        output: vec![value("y", 1, &["m", "n"])],
        ..Default::default()
    };
    let mut model = model(graph);
    if gemm {
        let graph = model.graph.as_mut().unwrap();
        let transposed: Vec<f32> =
            (0..n).flat_map(|column| weights[column..].iter().step_by(n).copied()).collect();
        graph.initializer = vec![
            floats("w", &[n as i64, k as i64], &transposed),
            floats("bias", &[n as i64], &vec![0.5; n]),
        ];
        let attribute = vec![int("transB", 1), float("alpha", 1.0)];
        graph.node = vec![NodeProto { attribute, ..node("Gemm", &["x", "w", "bias"], "y") }];
    }
    model
}

/// Pseudo-random numbers of few binary digits, between -1 and 1: sums of them are exact.
fn short_noise(count: usize, seed: u64) -> Vec<f32> {
    noise(count, seed).iter().map(|x| (x * 256.0).round() / 256.0).collect()
}

/// The sides of blocks of channels that are rotated together: a power of two.
fn block(k: usize) -> usize {
    [32, 16, 8, 4, 2, 1].into_iter().find(|block| k.is_multiple_of(*block)).unwrap()
}

/// `rows`, `[k, columns]`, times Hadamard's matrices along the diagonal, from the left.
fn rotated(rows: &[f32], k: usize, columns: usize) -> Vec<f32> {
    let block = block(k);
    let element = |i: usize, j: usize| -> f32 {
        let first = i / block * block;
        let sign = |other: usize| {
            if (i & other & (block - 1)).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
        };
        (first..first + block).map(|other| sign(other) * rows[other * columns + j]).sum()
    };
    (0..k * columns).map(|place| element(place / columns, place % columns)).collect()
}

/// What the operators' specification says, in order.
fn int8_reference(x: &[f32], weights: &[f32], (k, n): (usize, usize)) -> Vec<f32> {
    let weights: Vec<f32> =
        rotated(weights, k, n).iter().map(|weight| weight / block(k) as f32).collect();
    let column = |j: usize| weights[j..].iter().step_by(n);
    let mut out = vec![];
    for row in x.chunks_exact(k).map(|row| rotated(row, k, 1)) {
        let most = row.iter().fold(f32::MIN_POSITIVE * 127.0, |most, x| most.max(x.abs()));
        let (inverse, scale) = (127.0 / most, most / 127.0);
        let row: Vec<i32> = row.iter().map(|x| (x * inverse + 128.5) as i32 - 128).collect();
        for j in 0..n {
            let largest = column(j).fold(0f32, |largest, w| largest.max(w.abs()));
            let step = if largest == 0.0 { 1.0 } else { largest / 127.0 };
            let products = row.iter().copied().zip(column(j));
            let sum: i32 = products.map(|(a, w)| a * (w / step).round_ties_even() as i32).sum();
            out.push(sum as f32 * step * scale);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn expanded_weights_are_those_that_the_quantized_node_has(
        bits in prop::sample::select(vec![2i64, 4, 8]),
        m in 1usize..5, k in 1usize..70, n in 1usize..20, seed in any::<u32>(),
    ) {
        let original = quantized_product(bits, (k, n), seed.into());
        let expanded = rewritten(&original, rewrite::to_f32);
        let mut left = constants(&expanded);
        left.sort_unstable();
        prop_assert_eq!(left, ["bias", "codes_f32"]);
        prop_assert_eq!((count(&expanded, "MatMul"), count(&expanded, "Add")), (1, 1));
        let x = Tensor::from_shape(&[m, k], &noise(m * k, 7)).unwrap();
        let [before, after] = [original, expanded].map(|model| floats_of(&Plan::of(model).run([x.clone()])));
        prop_assert!(largest_difference(&before, &after) < 1e-2);
    }

    #[test]
    fn a_product_of_eight_bits_is_what_the_operators_say(
        gemm: bool, m in 1usize..6, k in 1usize..100, n in 64usize..80, seed in any::<u32>(),
        scale in prop::sample::select(vec![0.0f32, 1.0 / 1024.0, 1.0, 1024.0]),
    ) {
        let mut weights = short_noise(k * n, seed.into());
        // A column without any weight.
        weights.iter_mut().step_by(n).for_each(|weight| *weight = 0.0);
        let x: Vec<f32> = short_noise(m * k, u64::from(seed) + 1).iter().map(|x| x * scale).collect();
        let quantized = rewritten(&product(gemm, (k, n), &weights), rewrite::to_int8);
        prop_assert_eq!(count(&quantized, "MatMulIntegerToFloat"), 1);
        let x_tensor = Tensor::from_shape(&[m, k], &x).unwrap();
        let found = floats_of(&Plan::of(quantized).run([x_tensor]));
        let bias = if gemm { 0.5 } else { 0.0 };
        let expected: Vec<f32> =
            int8_reference(&x, &weights, (k, n)).iter().map(|y| y + bias).collect();
        let tolerance = 1e-5 * (1.0 + scale * k as f32);
        prop_assert!(largest_difference(&found, &expected) < tolerance, "{found:?} {expected:?}");
    }
}

#[test]
fn weights_and_inputs_of_several_nodes_are_quantized_once() {
    let mut model = product(false, (64, 64), &noise(4096, 1));
    let graph = model.graph.as_mut().unwrap();
    graph.node = vec![
        node("MatMul", &["x", "w"], "a"),
        node("MatMul", &["x", "w"], "b"),
        node("MatMul", &["b", "w"], "c"),
        node("Sum", &["a", "b", "c", "w"], "y"),
    ];
    rewrite::to_int8(&mut model).unwrap();
    assert_eq!(count(&model, "MatMulIntegerToFloat"), 3);
    assert_eq!(count(&model, "ReduceMax"), 2);
    // The weights themselves are still added.
    assert_eq!(constants(&model)[..3], ["w", "w_i8", "w_scale"]);
    let names: Vec<_> = nodes(&model).iter().flat_map(|node| &node.output).collect();
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), distinct.len());
}

#[test]
fn products_that_are_not_by_constant_matrices_stay_as_they_are() {
    let spoilt = |spoil: fn(&mut GraphProto)| {
        let mut model = product(true, (4, 64), &noise(256, 1));
        spoil(model.graph.as_mut().unwrap());
        let before = model.clone();
        rewrite::to_int8(&mut model).unwrap();
        model == before
    };
    assert!(!spoilt(|_| ()));
    assert!(spoilt(|graph| graph.node[0].attribute.push(int("transA", 1))));
    assert!(spoilt(|graph| graph.node[0].attribute[1].f = 2.0));
    assert!(spoilt(|graph| graph.node[0].domain = "elsewhere".into()));
    assert!(spoilt(|graph| graph.initializer[0].dims = vec![1, 64, 4]));
    assert!(spoilt(|graph| graph.initializer[0].data_type = 11));
    // Too few columns for quantized rows to pay.
    assert!(spoilt(|graph| {
        graph.initializer =
            vec![floats("w", &[63, 4], &[1.0; 252]), floats("bias", &[63], &[0.5; 63])];
    }));
    // A default that whoever calls may replace.
    assert!(spoilt(|graph| graph.input.push(value("w", 1, &["64", "4"]))));
}

#[test]
fn new_values_get_names_that_nothing_has() {
    let mut model = product(false, (64, 64), &noise(4096, 1));
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value("w_i8", 1, &["m"]));
    graph.node.push(node("Neg", &["x"], "x_shape"));
    rewrite::to_int8(&mut model).unwrap();
    assert_eq!(constants(&model)[..2], ["w_i8_1", "w_scale"]);
    assert_eq!(nodes(&model)[0].output[0], "x_shape_1");
    Plan::of(model);
}

/// `y = softmax(x · wq) · (x · wv + bias) · wo · w`, with whatever a file may have between.
fn attention() -> ModelProto {
    let weights = |name: &str, seed| floats(name, &[64, 64], &noise(4096, seed));
    let shape = TensorProto {
        name: "shape".into(),
        dims: vec![2],
        data_type: 7,
        int64_data: vec![-1, 64],
        ..Default::default()
    };
    model(GraphProto {
        node: vec![
            node("MatMul", &["x", "wq"], "scores"),
            node("Softmax", &["scores"], "weights"),
            node("Identity", &["weights"], "dropped"),
            node("MatMul", &["x", "wv"], "values"),
            node("Add", &["bias", "values"], "biased"),
            node("Reshape", &["biased", "shape"], "heads"),
            node("MatMul", &["dropped", "heads"], "sums"),
            node("Transpose", &["sums"], "turned"),
            node("Transpose", &["turned"], "merged"),
            node("MatMul", &["merged", "wo"], "attended"),
            node("MatMul", &["attended", "w"], "y"),
        ],
        initializer: vec![
            weights("wq", 1),
            weights("wv", 2),
            weights("wo", 3),
            weights("w", 4),
            floats("bias", &[64], &noise(64, 5)),
            shape,
        ],
        input: vec![value("x", 1, &["64", "64"])],
        output: vec![value("y", 1, &["64", "64"])],
        ..Default::default()
    })
}

#[test]
fn products_that_attention_is_made_of_stay_in_f32() {
    let quantized = rewritten(&attention(), rewrite::to_int8);
    let products = nodes(&quantized).iter().filter(|node| node.op_type == "MatMulIntegerToFloat");
    let inputs: Vec<_> = products.map(|node| &node.input[1][..]).collect();
    assert_eq!(inputs, ["w_i8"]);
    Plan::of(quantized);
    // A sum of what is computed is not only carried.
    let mut mixed = attention();
    mixed.graph.as_mut().unwrap().node[4].input[0] = "x".into();
    rewrite::to_int8(&mut mixed).unwrap();
    assert_eq!(count(&mixed, "MatMulIntegerToFloat"), 3);
}

#[test]
fn values_that_come_from_themselves_end_the_search() {
    let mut model = attention();
    let graph = model.graph.as_mut().unwrap();
    graph.node[2].input[0] = "dropped".into();
    graph.node[8].output.push("turned".into());
    rewrite::to_int8(&mut model).unwrap();
    assert_eq!(count(&model, "MatMulIntegerToFloat"), 4);
}

#[test]
fn one_large_channel_costs_the_others_no_accuracy() {
    let weights = noise(64 * 64, 1);
    let mut x = noise(64, 2);
    x[5] = 40.0;
    let original = product(false, (64, 64), &weights);
    let quantized = rewritten(&original, rewrite::to_int8);
    let x = Tensor::from_shape(&[1, 64], &x).unwrap();
    let [exact, found] =
        [original, quantized].map(|model| floats_of(&Plan::of(model).run([x.clone()])));
    let errors: Vec<f32> = exact.iter().zip(&found).map(|(a, b)| (a - b).powi(2)).collect();
    let error = (errors.iter().sum::<f32>() / 64.0).sqrt();
    // Unrotated, with a scale that is right for 40, it is 0.35 at least.
    assert!(error < 0.25, "{error}");
}
