//! Fused graphs beside the same graphs as tract computes them.

use std::collections::BTreeMap;

use pilotlight_onnx::{Graph, Precision, parse};
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

use crate::support::{Plan, default_file, default_model, floats_of, ids, largest_difference};

fn operators(graph: &Graph) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in graph.model.nodes() {
        *counts.entry(node.op.name().into_owned()).or_default() += 1;
    }
    counts
}

fn logits(graph: Graph, ids: &[i64]) -> Vec<f32> {
    let mut model = graph.model;
    model.declutter().unwrap();
    model.optimize().unwrap();
    let plan = SimplePlan::new(model).unwrap();
    let row = |values: &[i64]| Tensor::from_shape(&[1, values.len()], values).unwrap();
    let inputs = graph.inputs.iter().map(|name| match &name[..] {
        "input_ids" => row(ids).into_tvalue(),
        "attention_mask" => row(&vec![1; ids.len()]).into_tvalue(),
        _ => row(&vec![0; ids.len()]).into_tvalue(),
    });
    floats_of(&plan.run(inputs.collect()).unwrap()[0])
}

#[test]
fn the_default_model_is_fused_whole() {
    for (precision, tolerance) in
        [(Precision::F32, 1e-4), (Precision::Int8, 1.0), (Precision::Int4, 1.0)]
    {
        let graph = parse(default_file(), precision).unwrap();
        eprintln!("{:?}", operators(&graph));
        let ids = ids(43, 1);
        let plain = Plan::of(default_model()).logits(std::slice::from_ref(&ids));
        let fused = logits(graph, &ids);
        let d = largest_difference(&plain, &fused);
        eprintln!("{precision} {d}");
        assert!(d < tolerance, "{d}");
    }
}
