//! Fused graphs beside the same graphs as tract computes them.

use std::collections::BTreeMap;

use pilotlight_onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto};
use pilotlight_onnx::{Graph, Precision, fuse, import, parse};
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

use crate::support::{
    LABELS, Plan, default_file, default_model, float, floats, floats_of, ids, int,
    largest_difference, model, node, noise, value,
};

fn operators(model: &TypedModel) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in model.nodes() {
        *counts.entry(node.op.name().into_owned()).or_default() += 1;
    }
    counts
}

fn logits(graph: Graph, ids: &[i64]) -> Vec<f32> {
    let plan = SimplePlan::new(graph.model.into_optimized().unwrap()).unwrap();
    let row = |values: &[i64]| Tensor::from_shape(&[1, values.len()], values).unwrap();
    let inputs = graph.inputs.iter().map(|name| match &name[..] {
        "input_ids" => row(ids).into_tvalue(),
        _ => row(&vec![0; ids.len()]).into_tvalue(),
    });
    floats_of(&plan.run(inputs.collect()).unwrap()[0])
}

fn labels(logits: &[f32]) -> Vec<usize> {
    let label = |row: &[f32]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
    logits.chunks(LABELS).map(label).collect()
}

#[test]
fn the_default_model_is_fused_whole() {
    let graph = parse(default_file(), Precision::F32).unwrap();
    let counts = operators(&graph.model);
    assert_eq!((counts["Linear"], counts["Attend"], counts["Normalize"]), (25, 6, 13));
    for left in ["EinSum", "Softmax", "MoveAxis", "Reshape", "Erf"] {
        assert!(!counts.contains_key(left), "{counts:?}");
    }
}

#[test]
fn the_default_model_gives_the_same_logits_fused() {
    let plan = Plan::of(default_model());
    for length in [1, 8, 43] {
        let ids = ids(length, length);
        let plain = plan.logits(std::slice::from_ref(&ids));
        let fused = logits(parse(default_file(), Precision::F32).unwrap(), &ids);
        assert!(largest_difference(&plain, &fused) < 2e-4);
        for precision in [Precision::Int8, Precision::Int4] {
            let fused = logits(parse(default_file(), precision).unwrap(), &ids);
            assert!(largest_difference(&plain, &fused) < 1.0, "{precision}");
            let (plain, fused) = (labels(&plain), labels(&fused));
            let equal = plain.iter().zip(&fused).filter(|(a, b)| a == b).count();
            assert!(equal * 10 >= plain.len() * 9, "{precision}: {equal} of {}", plain.len());
        }
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: values.to_vec(), r#type: 7, ..Default::default() }
}

fn with(node: NodeProto, attribute: AttributeProto) -> NodeProto {
    NodeProto { attribute: vec![attribute], ..node }
}

fn shape(name: &str, dims: &[i64]) -> NodeProto {
    with(node("Constant", &[], name), ints("value_ints", dims))
}

fn scalar(name: &str, value: f32) -> NodeProto {
    with(node("Constant", &[], name), float("value_float", value))
}

/// Attention of two heads of four columns over `x` and `mask`, whose scores are masked by `masking`
/// from `scores` to `masked`.
fn attention(mask: (i32, &[&str]), masking: Vec<NodeProto>) -> ModelProto {
    let split = |from: &str, to: &str| node("Reshape", &[from, "split"], to);
    let mut nodes = vec![
        shape("split", &[1, -1, 2, 4]),
        shape("join", &[1, -1, 8]),
        scalar("root", 2.0),
        node("MatMul", &["x", "wq"], "q"),
        node("MatMul", &["x", "wk"], "k"),
        node("MatMul", &["x", "wv"], "v"),
        node("Add", &["k", "bk"], "kb"),
        split("q", "qs"),
        split("kb", "ks"),
        split("v", "vs"),
        with(node("Transpose", &["qs"], "qt"), ints("perm", &[0, 2, 1, 3])),
        with(node("Transpose", &["ks"], "kh"), ints("perm", &[0, 2, 1, 3])),
        with(node("Transpose", &["kh"], "kt"), ints("perm", &[0, 1, 3, 2])),
        with(node("Transpose", &["vs"], "vt"), ints("perm", &[0, 2, 1, 3])),
        node("MatMul", &["qt", "kt"], "products"),
        node("Div", &["products", "root"], "scores"),
    ];
    nodes.extend(masking);
    nodes.extend([
        with(node("Softmax", &["masked"], "weights"), int("axis", -1)),
        node("MatMul", &["weights", "vt"], "context"),
        with(node("Transpose", &["context"], "ct"), ints("perm", &[0, 2, 1, 3])),
        node("Reshape", &["ct", "join"], "y"),
    ]);
    let weights = |name: &str, seed| floats(name, &[8, 8], &noise(64, seed));
    model(GraphProto {
        node: nodes,
        input: vec![value("x", 1, &["1", "T", "8"]), value("mask", mask.0, mask.1)],
        output: vec![value("y", 1, &["1", "T", "8"])],
        initializer: vec![
            weights("wq", 1),
            weights("wk", 2),
            weights("wv", 3),
            floats("bk", &[8], &noise(8, 4)),
        ],
        ..Default::default()
    })
}

/// Results of `model` as tract computes it and fused, and what it was fused to.
fn both(model: ModelProto, inputs: &[Tensor]) -> ([Vec<f32>; 2], BTreeMap<String, usize>) {
    let mut fused = import(model.clone()).unwrap();
    fuse(&mut fused.model, Precision::F32).unwrap();
    let counts = operators(&fused.model);
    let run = |plan: Plan| floats_of(&plan.run(inputs.iter().cloned()));
    ([run(Plan::of(model)), run(Plan::new(fused))], counts)
}

fn assert_fused_alike(model: ModelProto, inputs: &[Tensor], operator: &str, count: usize) {
    let ([plain, fused], counts) = both(model, inputs);
    assert_eq!(counts.get(operator).copied().unwrap_or_default(), count, "{counts:?}");
    assert!(largest_difference(&plain, &fused) < 1e-5, "{counts:?}");
}

fn rows(tokens: usize) -> Tensor {
    Tensor::from_shape(&[1, tokens, 8], &noise(tokens * 8, 9)).unwrap()
}

#[test]
fn masks_that_are_added_take_tokens_out_of_attention() {
    let masking = vec![node("Add", &["mask", "scores"], "masked")];
    let mask = Tensor::from_shape(&[1, 1, 1, 6], &[0.0, -1e4, 0.5, 0.0, f32::MIN, 0.0]).unwrap();
    let model = attention((1, &["1", "1", "1", "T"]), masking);
    assert_fused_alike(model, &[rows(6), mask], "Attend", 1);
}

#[test]
fn masks_that_differ_by_query_do_so_in_attention() {
    let masking = vec![node("Add", &["scores", "mask"], "masked")];
    let mask = Tensor::from_shape(&[1, 1, 7, 7], &noise(49, 5)).unwrap();
    let model = attention((1, &["1", "1", "T", "T"]), masking);
    assert_fused_alike(model, &[rows(7), mask], "Attend", 1);
}

#[test]
fn masks_that_choose_take_tokens_out_of_attention() {
    let masking =
        vec![scalar("fill", f32::MIN), node("Where", &["mask", "fill", "scores"], "masked")];
    let mask = Tensor::from_shape(&[1, 1, 1, 5], &[false, true, false, false, true]).unwrap();
    let model = attention((9, &["1", "1", "1", "T"]), masking);
    assert_fused_alike(model, &[rows(5), mask], "Attend", 1);
}

#[test]
fn queries_that_see_nothing_are_guarded_as_they_were() {
    let masking = vec![node("Add", &["scores", "mask"], "masked")];
    let mut model = attention((1, &["1", "1", "T", "T"]), masking);
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let product = nodes.iter().position(|node| node.output[0] == "context").unwrap();
    nodes[product].input[0] = "kept".into();
    let guard = [
        scalar("zero", 0.0),
        node("IsNaN", &["weights"], "none"),
        node("Where", &["none", "zero", "weights"], "kept"),
    ];
    nodes.splice(product..product, guard);
    let mut mask = noise(49, 5);
    mask[7..14].fill(f32::NEG_INFINITY);
    mask[20] = f32::NEG_INFINITY;
    let mask = Tensor::from_shape(&[1, 1, 7, 7], &mask).unwrap();
    let ([plain, fused], counts) = both(model, &[rows(7), mask]);
    assert_eq!((counts["Attend"], counts.contains_key("IsNan")), (1, false), "{counts:?}");
    assert!(largest_difference(&plain, &fused) < 1e-5);
    assert!(fused[8..16].iter().all(|value| *value == 0.0), "{fused:?}");
}

#[test]
fn masks_of_each_head_stay_with_tract() {
    let masking = vec![node("Add", &["scores", "mask"], "masked")];
    let mask = Tensor::from_shape(&[1, 2, 5, 5], &noise(50, 5)).unwrap();
    let model = attention((1, &["1", "2", "T", "T"]), masking);
    assert_fused_alike(model, &[rows(5), mask], "Attend", 0);
}

#[test]
fn layer_normalization_is_found_spelt_out() {
    let mean = |from: &str, to: &str| with(node("ReduceMean", &[from], to), ints("axes", &[-1]));
    let nodes = vec![
        scalar("two", 2.0),
        scalar("epsilon", 1e-5),
        node("Add", &["x", "mask"], "sum"),
        mean("sum", "mean"),
        node("Sub", &["sum", "mean"], "centered"),
        node("Pow", &["centered", "two"], "squares"),
        mean("squares", "variance"),
        node("Add", &["variance", "epsilon"], "positive"),
        node("Sqrt", &["positive"], "deviation"),
        node("Div", &["centered", "deviation"], "normal"),
        node("Mul", &["normal", "gamma"], "scaled"),
        node("Add", &["scaled", "beta"], "y"),
    ];
    let dims = ["1", "T", "8"];
    let model = model(GraphProto {
        node: nodes,
        input: vec![value("x", 1, &dims), value("mask", 1, &dims)],
        output: vec![value("y", 1, &dims)],
        initializer: vec![floats("gamma", &[8], &noise(8, 1)), floats("beta", &[8], &noise(8, 2))],
        ..Default::default()
    });
    assert_fused_alike(model, &[rows(3), rows(3)], "Normalize", 1);
}

#[test]
fn products_take_bias_gelu_and_residual_along() {
    let gelu = |gate: &[NodeProto], last: [NodeProto; 2]| {
        let mut nodes = vec![
            scalar("root", std::f32::consts::SQRT_2),
            scalar("one", 1.0),
            scalar("half", 0.5),
            node("MatMul", &["x", "w"], "product"),
            node("Add", &["b", "product"], "h"),
            node("Div", &["h", "root"], "scaled"),
            node("Erf", &["scaled"], "erf"),
            node("Add", &["erf", "one"], "gate"),
        ];
        nodes.extend_from_slice(gate);
        nodes.extend(last);
        nodes.extend([
            node("MatMul", &["g", "w"], "second"),
            node("Add", &["second", "b"], "biased"),
            node("Add", &["x", "biased"], "y"),
        ]);
        model(GraphProto {
            node: nodes,
            input: vec![value("x", 1, &["1", "T", "8"])],
            output: vec![value("y", 1, &["1", "T", "8"])],
            initializer: vec![floats("w", &[8, 8], &noise(64, 1)), floats("b", &[8], &noise(8, 2))],
            ..Default::default()
        })
    };
    let spellings = [
        gelu(&[], [node("Mul", &["h", "gate"], "m"), node("Mul", &["m", "half"], "g")]),
        gelu(&[], [node("Mul", &["half", "gate"], "m"), node("Mul", &["h", "m"], "g")]),
        gelu(&[], [node("Mul", &["h", "half"], "m"), node("Mul", &["m", "gate"], "g")]),
    ];
    for model in spellings {
        let ([plain, fused], counts) = both(model, &[rows(5)]);
        assert_eq!(counts["Linear"], 2);
        assert!(!counts.contains_key("Add") && !counts.contains_key("Erf"), "{counts:?}");
        assert!(largest_difference(&plain, &fused) < 1e-5);
    }
}
