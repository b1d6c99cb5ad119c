//! Products that quantize their input while they compute, as products of floats again.

use std::collections::{BTreeMap, BTreeSet};

use tract_core::internal::*;

use super::edit::Edit;
use crate::element::FLOAT;
use crate::error::OnnxError;
use crate::inspect::{Part, visit_graph};
use crate::proto::{GraphProto, NodeProto, TensorProto, is_onnx};

/// A product of integers whose result is scaled: `(x · s) · w`, both with zero points.
struct Found {
    /// The node that scales the result: its place, and its output.
    place: usize,
    output: String,
    /// What is quantized.
    x: String,
    /// The constants: codes `[K, N]`, their zero points, their scales.
    weights: [Option<String>; 3],
}

/// Replaces each such product by one of floats.
pub(super) fn undo(edit: &mut Edit<'_>) -> Result<(), OnnxError> {
    let found = Products::of(edit).found();
    let mut weights: BTreeMap<[Option<String>; 3], String> = BTreeMap::new();
    let mut nodes = edit.take_nodes();
    for Found { place, output, x, weights: parts } in found {
        let node = &nodes[place];
        let name = match weights.get(&parts) {
            Some(name) => name.clone(),
            None => {
                let values = values(edit, &parts);
                let values = values.map_err(|error| node.refuse(format!("{error:#}")))?;
                let name = edit.fresh(parts[0].as_deref().unwrap_or_default(), "f32");
                edit.add_constant(TensorProto { name: name.clone(), ..values });
                weights.insert(parts, name.clone());
                name
            }
        };
        nodes[place] = NodeProto {
            op_type: "MatMul".into(),
            name: output.clone(),
            input: vec![x, name],
            output: vec![output],
            ..NodeProto::default()
        };
    }
    nodes.into_iter().for_each(|node| edit.push(node));
    Ok(())
}

/// Weights as f32 `[K, N]`.
fn values(
    edit: &Edit<'_>,
    [codes, zeros, scales]: &[Option<String>; 3],
) -> TractResult<TensorProto> {
    let floats = |name: &Option<String>, absent: f32| -> TractResult<Vec<f32>> {
        let Some(name) = name else { return Ok(vec![absent]) };
        let tensor = edit.constant(name).with_context(|| format!("{name} is not a constant"))?;
        let tensor = tensor.to_tensor()?.cast_to::<f32>()?.into_owned();
        Ok(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    };
    let shape = codes.as_ref().and_then(|name| edit.constant(name)).map(|tensor| &tensor.dims);
    let columns = shape.and_then(|shape| shape.get(1)).context("weights are no matrix")?;
    let columns = usize::try_from(*columns)?;
    let (zeros, scales) = (floats(zeros, 0.0)?, floats(scales, 1.0)?);
    for (what, found) in [("zero points", zeros.len()), ("scales", scales.len())] {
        ensure!(found == 1 || found == columns, "{found} {what} for {columns} columns");
    }
    let mut values = floats(codes, 0.0)?;
    for row in values.chunks_mut(columns.max(1)) {
        for (column, value) in row.iter_mut().enumerate() {
            *value = (*value - zeros[column % zeros.len()]) * scales[column % scales.len()];
        }
    }
    let rows = values.len() / columns.max(1);
    TensorProto::of("", &Tensor::from_shape(&[rows, columns], &values)?)
}

/// What makes and uses each value.
struct Products<'a> {
    edit: &'a Edit<'a>,
    makers: BTreeMap<&'a str, &'a NodeProto>,
    uses: BTreeMap<&'a str, usize>,
}

impl<'a> Products<'a> {
    fn of(edit: &'a Edit<'a>) -> Self {
        let mut makers = BTreeMap::new();
        for node in edit.nodes().iter().filter(|node| is_onnx(&node.domain)) {
            makers.extend(node.output.iter().map(|output| (&output[..], node)));
        }
        Self { edit, makers, uses: uses(edit.graph()) }
    }

    fn found(&self) -> Vec<Found> {
        let nodes = self.edit.nodes().iter().enumerate();
        nodes.filter_map(|(place, node)| self.at(place, node)).collect()
    }

    /// The product that a node scales the result of.
    fn at(&self, place: usize, node: &'a NodeProto) -> Option<Found> {
        let ("Mul", [a, b]) = (&node.op_type[..], &node.input[..]) else { return None };
        [(a, b), (b, a)].into_iter().find_map(|(result, scale)| {
            let cast = self.maker(result, "Cast")?;
            let product = self.maker(cast.input.first()?, "MatMulInteger")?;
            if cast.int_or("to", 0) != i64::from(FLOAT) {
                return None;
            }
            let quantized = self.makers.get(&product.input.first()?[..])?;
            let [codes, step, zero] = &quantized.output[..] else { return None };
            let of_input = quantized.op_type == "DynamicQuantizeLinear"
                && product.input.first() == Some(codes)
                && product.input.get(2) == Some(zero);
            let scale = self.makers.get(&scale[..]).filter(|scale| scale.op_type == "Mul")?;
            let [c, d] = &scale.input[..] else { return None };
            let scale = if c == step { d } else { Some(c).filter(|_| d == step)? };
            let weights = product.input.get(1)?;
            let zeros = product.input.get(3).filter(|name| !name.is_empty());
            let constant = |name: &&String| self.edit.constant(name).is_some();
            let matrix = self.edit.constant(weights)?.dims.len() == 2;
            let constants = [Some(scale), zeros].into_iter().flatten().all(|name| constant(&name));
            (of_input && matrix && constants).then(|| Found {
                place,
                output: node.output[0].clone(),
                x: quantized.input[0].clone(),
                weights: [Some(weights.clone()), zeros.cloned(), Some(scale.clone())],
            })
        })
    }

    /// The node of this type that a value comes from, if nothing else uses it.
    fn maker(&self, name: &str, op_type: &str) -> Option<&'a NodeProto> {
        let maker = self.makers.get(name).filter(|maker| maker.op_type == op_type)?;
        (self.uses.get(name) == Some(&1)).then_some(*maker)
    }
}

/// How often each value is used, by nodes and as an output.
fn uses(graph: &GraphProto) -> BTreeMap<&str, usize> {
    let mut uses = BTreeMap::new();
    let outputs = graph.output.iter().map(|output| &output.name);
    let inputs = graph.node.iter().flat_map(|node| &node.input);
    inputs.chain(outputs).for_each(|name| *uses.entry(&name[..]).or_default() += 1);
    uses
}

/// Drops nodes of these products that nothing uses any more.
pub(super) fn drop_unused(graph: &mut GraphProto) {
    let mut used = BTreeSet::new();
    // Subgraphs see the names outside of them.
    visit_graph(graph, &mut |part| match part {
        Part::Graph(graph) => used.extend(graph.output.iter().map(|output| output.name.clone())),
        Part::Node(node) if !is_part(node) => used.extend(node.input.iter().cloned()),
        Part::Node(_) | Part::Tensor(_) => {}
    });
    let mut nodes = std::mem::take(&mut graph.node);
    nodes.reverse();
    nodes.retain(|node| {
        let needed = !is_part(node) || node.output.iter().any(|output| used.contains(output));
        if needed {
            used.extend(node.input.iter().cloned());
        }
        needed
    });
    nodes.reverse();
    graph.node = nodes;
}

/// Whether such a product can be made of it.
fn is_part(node: &NodeProto) -> bool {
    let parts = ["Mul", "Cast", "MatMulInteger", "DynamicQuantizeLinear"];
    is_onnx(&node.domain) && parts.contains(&&node.op_type[..])
}
