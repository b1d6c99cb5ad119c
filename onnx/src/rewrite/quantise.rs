use std::collections::BTreeMap;

use tract_core::internal::*;

use super::edit::Edit;
use crate::element::FLOAT;
use crate::error::OnnxError;
use crate::proto::{AttributeProto, NodeProto, TensorProto, is_onnx};

const ATTRIBUTE_INT: i32 = 2;
/// The range is symmetric: -128 is not used.
const LARGEST_CODE: f32 = 127.0;

/// `MatMul` and `Gemm` to `MatMulInteger`.
#[derive(Default)]
pub(super) struct Quantise {
    activations: BTreeMap<String, Activations>,
    /// By name, and whether they are transposed.
    weights: BTreeMap<(String, bool), Weights>,
}

/// Names of what `DynamicQuantizeLinear` gives.
#[derive(Clone)]
struct Activations {
    codes: String,
    scale: String,
    zero_point: String,
}

/// Names of quantised weights `[K, N]` and their scales `[N]`.
#[derive(Clone)]
struct Weights {
    codes: String,
    scales: String,
}

impl Quantise {
    /// Pushes `node`, quantised if it multiplies by constant f32 weights.
    pub(super) fn rewrite(
        &mut self,
        edit: &mut Edit<'_>,
        node: NodeProto,
    ) -> Result<(), OnnxError> {
        let Some(transposed) = multiplies(&node) else {
            edit.push(node);
            return Ok(());
        };
        let name = |names: &[String], index: usize| names.get(index).cloned().unwrap_or_default();
        let (input, weights, bias) =
            (name(&node.input, 0), name(&node.input, 1), name(&node.input, 2));
        let output = name(&node.output, 0);
        if input.is_empty() || weights.is_empty() || output.is_empty() {
            return Err(node.refuse("an input or the output is missing"));
        }
        let Some(weights) = self.weights(edit, weights, transposed)? else {
            edit.push(node);
            return Ok(());
        };
        let activations = self.activations(edit, input);
        let scaled = if bias.is_empty() { output.clone() } else { edit.fresh(&output, "scaled") };
        multiply(edit, &activations, &weights, &scaled);
        if !bias.is_empty() {
            edit.push_new("Add", &[&scaled, &bias], &[&output]);
        }
        Ok(())
    }

    /// Quantised weights, or none if they are not constant f32 `[K, N]`.
    fn weights(
        &mut self,
        edit: &mut Edit<'_>,
        name: String,
        transposed: bool,
    ) -> Result<Option<Weights>, OnnxError> {
        let key = (name, transposed);
        if let Some(weights) = self.weights.get(&key) {
            return Ok(Some(weights.clone()));
        }
        let Some(tensor) = edit.constant(&key.0) else { return Ok(None) };
        if tensor.data_type != FLOAT || tensor.dims.len() != 2 || tensor.dims.contains(&0) {
            return Ok(None);
        }
        let refuse = |error: TractError| OnnxError::Tensor {
            name: key.0.clone(),
            reason: format!("{error:#}"),
        };
        let mut tensor = tensor.to_tensor()?;
        if transposed {
            tensor = tensor.permute_axes(&[1, 0]).map_err(refuse)?;
        }
        let [codes, scales] = quantised(&tensor).map_err(refuse)?;
        let [codes, scales] = [("i8", codes), ("scale", scales)].map(|(suffix, tensor)| {
            let name = edit.fresh(&key.0, suffix);
            edit.add_constant(TensorProto { name: name.clone(), ..tensor });
            name
        });
        Ok(Some(self.weights.entry(key).or_insert(Weights { codes, scales }).clone()))
    }

    /// `input` quantised; where it is first wanted, for it is known there.
    fn activations(&mut self, edit: &mut Edit<'_>, input: String) -> Activations {
        if let Some(activations) = self.activations.get(&input) {
            return activations.clone();
        }
        let [codes, scale, zero_point] =
            ["quantised", "quantised_scale", "quantised_zero_point"].map(|s| edit.fresh(&input, s));
        edit.push_new("DynamicQuantizeLinear", &[&input], &[&codes, &scale, &zero_point]);
        let activations = Activations { codes, scale, zero_point };
        self.activations.entry(input).or_insert(activations).clone()
    }
}

/// Whether `node` is a product `A · B` or `A · Bᵀ`, and if so, whether `B` is transposed.
fn multiplies(node: &NodeProto) -> Option<bool> {
    match &node.op_type[..] {
        _ if !is_onnx(&node.domain) => None,
        "MatMul" => Some(false),
        "Gemm" => {
            let plain = node.int_or("transA", 0) == 0
                && node.float_or("alpha", 1.0) == 1.0
                && node.float_or("beta", 1.0) == 1.0;
            plain.then(|| node.int_or("transB", 0) != 0)
        }
        _ => None,
    }
}

/// The nodes that ONNX Runtime fuses to one.
fn multiply(edit: &mut Edit<'_>, a: &Activations, b: &Weights, output: &str) {
    let [product, float, scale] = ["i32", "float", "scale"].map(|s| edit.fresh(output, s));
    edit.push_new("MatMulInteger", &[&a.codes, &b.codes, &a.zero_point], &[&product]);
    edit.push(NodeProto {
        op_type: "Cast".into(),
        name: float.clone(),
        input: vec![product],
        output: vec![float.clone()],
        attribute: vec![AttributeProto {
            name: "to".into(),
            i: FLOAT.into(),
            r#type: ATTRIBUTE_INT,
            ..AttributeProto::default()
        }],
        ..NodeProto::default()
    });
    edit.push_new("Mul", &[&a.scale, &b.scales], &[&scale]);
    edit.push_new("Mul", &[&float, &scale], &[output]);
}

/// Codes and scales of weights `[K, N]`, each column scaled by its largest value.
fn quantised(weights: &Tensor) -> TractResult<[TensorProto; 2]> {
    let columns = weights.shape()[1];
    let plain = weights.try_as_plain_ram()?;
    let values = plain.as_slice::<f32>()?;
    ensure!(values.iter().all(|value| value.is_finite()), "it has values that are not finite");
    let mut scales = vec![0f32; columns];
    for row in values.chunks_exact(columns) {
        for (largest, value) in scales.iter_mut().zip(row) {
            *largest = largest.max(value.abs());
        }
    }
    for scale in &mut scales {
        // A column of zeros, or too small for its scale to be a number, is all codes 0.
        *scale = if *scale / LARGEST_CODE > 0.0 { *scale / LARGEST_CODE } else { 1.0 };
    }
    let mut codes = Tensor::zero::<i8>(weights.shape())?;
    let mut plain = codes.try_as_plain_ram_mut()?;
    for (row, codes) in
        values.chunks_exact(columns).zip(plain.as_slice_mut::<i8>()?.chunks_exact_mut(columns))
    {
        for ((code, value), scale) in codes.iter_mut().zip(row).zip(&scales) {
            let rounded = (value / scale).round_ties_even();
            *code = rounded.clamp(-LARGEST_CODE, LARGEST_CODE) as i8;
        }
    }
    Ok([TensorProto::of("", &codes)?, TensorProto::of("", &tensor1(&scales))?])
}
