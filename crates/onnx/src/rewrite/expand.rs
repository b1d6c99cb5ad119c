use std::collections::BTreeMap;

use tract_core::internal::*;

use super::edit::Edit;
use crate::element::FLOAT;
use crate::error::OnnxError;
use crate::nbits::BlockQuantized;
use crate::proto::{NodeProto, TensorProto};

/// `MatMulNBits` to `MatMul`.
#[derive(Default)]
pub(super) struct Expand {
    /// Expanded weights by everything that they are made from.
    known: BTreeMap<(Vec<String>, [i64; 4]), String>,
}

impl Expand {
    pub(super) fn applies(node: &NodeProto) -> bool {
        node.domain == "com.microsoft" && node.op_type == "MatMulNBits"
    }

    pub(super) fn rewrite(
        &mut self,
        edit: &mut Edit<'_>,
        mut node: NodeProto,
    ) -> Result<(), OnnxError> {
        let input = |index: usize| node.input.get(index).filter(|name| !name.is_empty()).cloned();
        let activations = input(0).ok_or_else(|| node.refuse("input 0 is missing"))?;
        let output = node.output.first().filter(|name| !name.is_empty()).cloned();
        let output = output.ok_or_else(|| node.refuse("it has no output"))?;
        if input(4).is_some() {
            return Err(node.refuse("g_idx is not supported"));
        }
        let bias = input(5);
        let weights = self.weights(edit, &node)?;
        node.op_type = "MatMul".into();
        node.domain.clear();
        node.attribute.clear();
        node.input = vec![activations, weights];
        let Some(bias) = bias else {
            edit.push(node);
            return Ok(());
        };
        let product = edit.fresh(&output, "product");
        node.output = vec![product.clone()];
        edit.push(node);
        edit.push_new("Add", &[&product, &bias], &[&output]);
        Ok(())
    }

    /// The name of the constant that holds the weights of `node` as f32 `[K, N]`.
    fn weights(&mut self, edit: &mut Edit<'_>, node: &NodeProto) -> Result<String, OnnxError> {
        let parts: Vec<String> = node.input.iter().skip(1).take(3).cloned().collect();
        let sizes = [("K", 0), ("N", 0), ("block_size", 0), ("bits", 4)];
        let key = (parts, sizes.map(|(name, default)| node.int_or(name, default)));
        if let Some(name) = self.known.get(&key) {
            return Ok(name.clone());
        }
        let weights = expanded(edit, node).map_err(|error| node.refuse(format!("{error:#}")))?;
        let base = key.0.first().map_or("", |name| name);
        let tensor = TensorProto { name: edit.fresh(base, "f32"), ..weights };
        let name = self.known.entry(key).or_insert(tensor.name.clone()).clone();
        edit.add_constant(tensor);
        Ok(name)
    }
}

fn expanded(edit: &Edit<'_>, node: &NodeProto) -> TractResult<TensorProto> {
    let constant = |index: usize| {
        let name = node.input.get(index).filter(|name| !name.is_empty());
        let name = name.with_context(|| format!("input {index} is missing"))?;
        edit.constant(name).with_context(|| format!("input {index} is not a constant"))
    };
    let (codes, scales) = (constant(1)?, constant(2)?);
    // They have the type of the activations.
    ensure!(scales.data_type == FLOAT, "only scales of type f32 are supported");
    let zero_points = node.input.get(3).is_some_and(|name| !name.is_empty());
    let zero_points = zero_points.then(|| constant(3)?.to_tensor().map_err(TractError::from));
    let weights = BlockQuantized::new(node, codes.to_tensor()?.into(), &scales.to_tensor()?)?
        .with_zero_points(zero_points.transpose()?.as_ref())?
        .dequantize()?;
    let transposed = weights.permute_axes(&[1, 0])?;
    TensorProto::of("", &transposed)
}
