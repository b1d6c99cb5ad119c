//! Encoders cut into stages, computed one after the other, beside the same graphs as tract plans.

use std::collections::HashMap;
use std::sync::Arc;

use pilotlight_kernels::{
    Attention, AttentionScratch, Epilogue, InstructionSet, Rows, Scratch, Then, linear,
};
use pilotlight_model::InputRole;
use pilotlight_onnx::proto::{GraphProto, ModelProto};
use pilotlight_onnx::ragged::{Attend, Operand, Ragged, RowStep, Stage, Value, ValueId};
use pilotlight_onnx::{Precision, Wanted, lower_encoder};
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

use crate::support::{
    default_model, floats, floats_of, ids, int, largest_difference, model, node, noise, value,
};

/// The values of one sequence.
#[derive(Default)]
struct Naive {
    tokens: usize,
    rows: HashMap<ValueId, Vec<f32>>,
    loose: HashMap<ValueId, Arc<Tensor>>,
}

impl Naive {
    fn run(plan: &Ragged, ids: &[i64], mask: Option<&[i64]>) -> Vec<Vec<f32>> {
        let mut naive = Self { tokens: ids.len(), ..Self::default() };
        for (index, input) in plan.inputs.iter().enumerate() {
            let tensor = match (input.role, mask) {
                (InputRole::Ids, _) => Tensor::from_shape(&[1, ids.len()], ids).unwrap(),
                (InputRole::Mask, Some(mask)) => Tensor::from_shape(&[1, ids.len()], mask).unwrap(),
                (InputRole::Length, _) => tensor1(&[ids.len() as i64]),
                _ => Tensor::zero::<i64>(&[1, ids.len()]).unwrap(),
            };
            naive.loose.insert(ValueId(index), tensor.into_arc_tensor());
        }
        for stage in &plan.stages {
            match stage {
                Stage::Rows(steps) => steps.iter().for_each(|step| naive.step(plan, step)),
                Stage::Attend(attend) => naive.attend(plan, attend),
                Stage::Fragment(fragment) => {
                    let mut operands =
                        fragment.inputs.iter().map(|input| match naive.rows.get(&input.value) {
                            Some(rows) => Operand::Rows(rows),
                            None => Operand::Loose(Arc::clone(&naive.loose[&input.value])),
                        });
                    let found = fragment.run(naive.tokens, &mut operands).unwrap();
                    for (value, tensor) in fragment.outputs.iter().zip(found) {
                        match plan.values[value.0] {
                            Value::Rows { .. } => {
                                drop(naive.rows.insert(*value, floats_of(&tensor)))
                            }
                            Value::Loose => drop(naive.loose.insert(*value, tensor)),
                        }
                    }
                }
            }
        }
        let output = |value: &ValueId| match naive.rows.get(value) {
            Some(rows) => rows.clone(),
            None => floats_of(&naive.loose[value]),
        };
        plan.outputs.iter().map(|found| output(&found.value)).collect()
    }

    fn step(&mut self, plan: &Ragged, step: &RowStep) {
        let (out, result) = match step {
            RowStep::Linear { weights, bias, gelu, x, residual, out } => {
                let then = match residual {
                    Some(residual) => Then::Add(&self.rows[residual]),
                    None if *gelu => Then::Gelu,
                    None => Then::Store,
                };
                let bias = bias.as_ref().map(|bias| &bias[..]);
                let mut result = vec![f32::NAN; self.tokens * weights.outputs()];
                let epilogue = Epilogue { bias, then };
                let scratch = &mut Scratch::default();
                linear(&self.rows[x], self.tokens, weights, &epilogue, scratch, &mut result)
                    .unwrap();
                (out, result)
            }
            RowStep::Normalize { norm, x, residual, out } => {
                let mut result = self.rows[x].clone();
                match residual {
                    Some(residual) => norm.add_and_apply(&mut result, &self.rows[residual]),
                    None => norm.apply(&mut result),
                }
                (out, result)
            }
            RowStep::Add { a, b, out } => {
                let sum = self.rows[a].iter().zip(&self.rows[b]).map(|(a, b)| a + b);
                (out, sum.collect())
            }
        };
        let Value::Rows { width } = plan.values[out.0] else { panic!("{step:?}") };
        assert_eq!(result.len(), self.tokens * width);
        self.rows.insert(*out, result);
    }

    fn attend(&mut self, plan: &Ragged, attend: &Attend) {
        let operands = attend.operands.map(|(value, start)| {
            let Value::Rows { width } = plan.values[value.0] else { panic!("{attend:?}") };
            Rows { values: &self.rows[&value], stride: width, start }
        });
        let attention = Attention::new(self.tokens, attend.heads, operands, attend.scale).unwrap();
        let mask = attend.mask.map(|mask| match self.rows.get(&mask) {
            Some(rows) => rows.clone(),
            None => floats_of(&self.loose[&mask]),
        });
        let attention = match &mask {
            Some(mask) => attention.masked(mask).unwrap(),
            None => attention,
        };
        let attention = if attend.guarded { attention.guarded() } else { attention };
        let mut out = vec![f32::NAN; self.tokens * attend.heads.count * attend.heads.width];
        attention.compute(&mut AttentionScratch::default(), &mut out);
        self.rows.insert(attend.out, out);
    }
}

fn cut(model: ModelProto, precision: Precision) -> Ragged {
    Ragged::new(model, precision, InstructionSet::available()).unwrap()
}

/// What the sandbox computes.
fn sandbox(model: ModelProto, precision: Precision, ids: &[i64], mask: &[i64]) -> Vec<Vec<f32>> {
    let outputs = model.graph.as_ref().unwrap().output.iter();
    let wanted = Wanted::Named(outputs.map(|output| output.name.clone()).collect());
    let graph = lower_encoder(model, &wanted, precision).unwrap();
    let plan = SimplePlan::new(graph.model.into_optimized().unwrap()).unwrap();
    let row = |values: &[i64]| Tensor::from_shape(&[1, values.len()], values).unwrap();
    let inputs = graph.inputs.iter().map(|name| match InputRole::of(name).unwrap() {
        InputRole::Ids => row(ids).into_tvalue(),
        InputRole::Mask => row(mask).into_tvalue(),
        InputRole::Length => tensor1(&[ids.len() as i64]).into_tvalue(),
        _ => row(&vec![0; ids.len()]).into_tvalue(),
    });
    plan.run(inputs.collect()).unwrap().iter().map(|output| floats_of(output)).collect()
}

/// Kinds of the stages, with how many steps they have.
fn kinds(plan: &Ragged) -> Vec<(&'static str, usize)> {
    let kind = |stage: &Stage| match stage {
        Stage::Rows(steps) => ("rows", steps.len()),
        Stage::Attend(_) => ("attend", 1),
        Stage::Fragment(fragment) => ("fragment", fragment.outputs.len()),
    };
    plan.stages.iter().map(kind).collect()
}

fn assert_same_bits(model: &ModelProto, precision: Precision, ids: &[i64], mask: &[i64]) {
    let bits = |outputs: Vec<Vec<f32>>| -> Vec<Vec<u32>> {
        outputs.into_iter().map(|values| values.into_iter().map(f32::to_bits).collect()).collect()
    };
    let plan = cut(model.clone(), precision);
    let found = Naive::run(&plan, ids, Some(mask));
    let expected = sandbox(model.clone(), precision, ids, mask);
    assert!(bits(found) == bits(expected), "{precision}, {} tokens", ids.len());
}

#[test]
fn the_default_model_is_a_fragment_and_then_rows_and_attention_in_turn() {
    let plan = cut(default_model(), Precision::Int4);
    let mut expected = vec![("fragment", 3), ("rows", 3)];
    for _ in 0..5 {
        expected.extend([("attend", 1), ("rows", 6)]);
    }
    expected.extend([("attend", 1), ("rows", 6)]);
    assert_eq!(kinds(&plan), expected);
    assert_eq!(plan.work[0], 10_630_272);
    assert!(plan.work[1] < 10_000, "{:?}", plan.work);
}

#[test]
fn stages_of_the_default_model_give_the_bits_of_the_sandbox() {
    for precision in Precision::ALL {
        for length in [1, 8, 43, 97] {
            let ids = ids(length, length);
            assert_same_bits(&default_model(), precision, &ids, &vec![1; length]);
        }
    }
}

const TOKENS: [&str; 2] = ["batch_size", "sequence_length"];

/// An encoder of width 8 whose nodes go from `e`, the embeddings of the tokens.
fn encoder(
    nodes: Vec<pilotlight_onnx::proto::NodeProto>,
    outputs: &[(&str, &[&str])],
) -> ModelProto {
    encoder_of(&TOKENS, nodes, outputs)
}

fn encoder_of(
    tokens: &[&str],
    mut nodes: Vec<pilotlight_onnx::proto::NodeProto>,
    outputs: &[(&str, &[&str])],
) -> ModelProto {
    nodes.insert(0, node("Gather", &["table", "input_ids"], "e"));
    let weights = |name: &str, seed| floats(name, &[8, 8], &noise(64, seed));
    model(GraphProto {
        node: nodes,
        input: vec![value("input_ids", 7, tokens)],
        output: outputs.iter().map(|(name, dims)| value(name, 1, dims)).collect(),
        initializer: vec![
            floats("table", &[50, 8], &noise(400, 1)),
            weights("w1", 2),
            weights("w2", 3),
            floats("b", &[8], &noise(8, 4)),
        ],
        ..Default::default()
    })
}

const ROWS: &[&str] = &["batch_size", "sequence_length", "8"];

fn tokens(count: usize) -> Vec<i64> {
    ids(count, 3).into_iter().map(|id| id % 50).collect()
}

fn check(model: &ModelProto, expected: &[(&str, usize)]) {
    assert_eq!(kinds(&cut(model.clone(), Precision::F32)), expected);
    for precision in Precision::ALL {
        for length in [1, 5, 40] {
            assert_same_bits(model, precision, &tokens(length), &vec![1; length]);
        }
    }
}

#[test]
fn sums_of_rows_and_values_in_the_middle_are_rows() {
    let nodes = vec![
        node("MatMul", &["e", "w1"], "first"),
        node("MatMul", &["e", "w2"], "second"),
        node("Add", &["first", "second"], "sum"),
        node("MatMul", &["sum", "w1"], "last"),
    ];
    let model = encoder(nodes, &[("last", ROWS), ("first", ROWS)]);
    // One of the products takes the other as its residual.
    check(&model, &[("fragment", 1), ("rows", 3)]);
}

#[test]
fn what_no_pattern_knows_is_computed_between_row_stages() {
    let nodes = vec![
        node("MatMul", &["e", "w1"], "first"),
        node("Sin", &["first"], "sine"),
        node("MatMul", &["sine", "w2"], "last"),
    ];
    let expected = [("fragment", 1), ("rows", 1), ("fragment", 1), ("rows", 1)];
    check(&encoder(nodes, &[("last", ROWS)]), &expected);
}

#[test]
fn pooled_outputs_are_fragments() {
    let mut mean = node("ReduceMean", &["first"], "mean");
    mean.attribute = vec![
        int("keepdims", 0),
        pilotlight_onnx::proto::AttributeProto {
            name: "axes".into(),
            ints: vec![1],
            r#type: 7,
            ..Default::default()
        },
    ];
    let nodes = vec![
        node("MatMul", &["e", "w1"], "first"),
        mean,
        node("MatMul", &["mean", "w2"], "classified"),
        node("Tanh", &["classified"], "pooled"),
    ];
    let outputs: &[(&str, &[&str])] = &[("first", ROWS), ("pooled", &["batch_size", "8"])];
    // The first fragment tells how many rows there are, too.
    check(&encoder(nodes, outputs), &[("fragment", 2), ("rows", 1), ("fragment", 1)]);
}

#[test]
fn graphs_of_a_fixed_length_keep_their_mask() {
    let mut unsqueeze = node("Unsqueeze", &["floats", "axis"], "column");
    unsqueeze.name = "unsqueeze".into();
    let mut cast = node("Cast", &["attention_mask"], "floats");
    cast.attribute = vec![int("to", 1)];
    let nodes = vec![
        cast,
        unsqueeze,
        node("Mul", &["e", "column"], "masked"),
        node("MatMul", &["masked", "w1"], "last"),
    ];
    let mut model = encoder_of(&["batch_size", "6"], nodes, &[("last", &["batch_size", "6", "8"])]);
    let mask = value("attention_mask", 7, &["batch_size", "6"]);
    model.graph.as_mut().unwrap().input.push(mask);
    let axis = pilotlight_onnx::proto::TensorProto {
        name: "axis".into(),
        dims: vec![1],
        data_type: 7,
        int64_data: vec![2],
        ..Default::default()
    };
    model.graph.as_mut().unwrap().initializer.push(axis);
    let plan = cut(model.clone(), Precision::F32);
    assert_eq!(plan.length, Some(6));
    assert_eq!(kinds(&plan), [("fragment", 1), ("rows", 1)]);
    let mask = [1, 1, 1, 0, 0, 0];
    assert_same_bits(&model, Precision::F32, &tokens(6), &mask);
    let masked = Naive::run(&plan, &tokens(6), Some(&mask));
    let whole = Naive::run(&plan, &tokens(6), Some(&[1; 6]));
    assert!(largest_difference(&masked[0], &whole[0]) > 0.1);
}

/// A product of codes: `e · w` where `e` is quantized while it is computed.
fn dynamic(zero_points: &[i64], scales: &[f32], outputs: &[(&str, &[&str])]) -> ModelProto {
    let mut cast = node("Cast", &["sums"], "floats");
    cast.attribute = vec![int("to", 1)];
    let mut quantize = node("DynamicQuantizeLinear", &["e"], "codes");
    quantize.output.extend(["step".into(), "zero".into()]);
    let nodes = vec![
        quantize,
        node("MatMulInteger", &["codes", "w", "zero", "w_zero"], "sums"),
        cast,
        node("Mul", &["w_scale", "step"], "scale"),
        node("Mul", &["floats", "scale"], "scaled"),
        node("Add", &["scaled", "b"], "last"),
    ];
    let mut model = encoder(nodes, outputs);
    let bytes = |name: &str, dims: &[i64], values: Vec<u8>| pilotlight_onnx::proto::TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 3,
        raw_data: values.into(),
        ..Default::default()
    };
    let codes = noise(64, 7).iter().map(|x| (x * 100.0) as i8 as u8).collect();
    let constants = &mut model.graph.as_mut().unwrap().initializer;
    constants.push(bytes("w", &[8, 8], codes));
    constants.push(bytes(
        "w_zero",
        zero_points,
        (0..zero_points.iter().product()).map(|i: i64| i as u8).collect(),
    ));
    constants.push(floats("w_scale", &if scales.len() == 1 { vec![] } else { vec![8] }, scales));
    model
}

#[test]
fn products_that_quantize_while_they_compute_become_rows() {
    let scales: Vec<f32> = (1..=8).map(|scale| scale as f32 / 400.0).collect();
    for (zero_points, scales) in [(&[][..], &[0.01][..]), (&[8], &scales)] {
        let model = dynamic(zero_points, scales, &[("last", ROWS)]);
        let plan = cut(model.clone(), Precision::Int8);
        assert_eq!(kinds(&plan), [("fragment", 1), ("rows", 1)]);
        assert_same_bits(&model, Precision::F32, &tokens(9), &[1; 9]);
        let found = Naive::run(&plan, &tokens(9), None);
        let expected = sandbox(model, Precision::F32, &tokens(9), &[1; 9]);
        let difference = largest_difference(&found[0], &expected[0]);
        assert!(difference > 0.0 && difference < 0.05, "{difference}");
    }
}

#[test]
fn products_of_codes_that_others_use_stay_as_they_are() {
    let model = dynamic(&[], &[0.01], &[("last", ROWS), ("floats", ROWS)]);
    assert_same_bits(&model, Precision::Int8, &tokens(9), &[1; 9]);
}

#[test]
fn graphs_that_are_no_encoders_are_refused() {
    let mut other = encoder(vec![node("Sin", &["e"], "y")], &[("y", ROWS)]);
    let refusal = |model: ModelProto| {
        Ragged::new(model, Precision::F32, InstructionSet::available()).unwrap_err().to_string()
    };
    let graph = other.graph.as_mut().unwrap();
    graph.input[0] = value("input_ids", 6, &TOKENS);
    assert!(refusal(other).contains("have not the form"));
    let unknown = model(GraphProto {
        node: vec![node("Sin", &["pixels"], "y")],
        input: vec![value("pixels", 1, &["batch", "8"])],
        output: vec![value("y", 1, &["batch", "8"])],
        ..Default::default()
    });
    assert!(refusal(unknown).contains("input pixels"));
}

#[test]
fn a_graph_can_be_refused_before_its_weights_are_packed() {
    let set = InstructionSet::available();
    let refused = Ragged::with_weights(default_model(), Precision::F32, set, |outline| {
        assert_eq!((outline.work[0], outline.fragments < outline.products), (10_630_272, true));
        assert!(outline.weights.iter().all(|weights| weights.layout().set == set));
        Err("no".to_owned())
    });
    assert_eq!(refused.unwrap_err().to_string(), "no");
}
