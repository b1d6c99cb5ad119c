use std::collections::{BTreeMap, BTreeSet};

use tract_core::internal::*;

use super::edit::Edit;
use super::rotate;
use crate::element::FLOAT;
use crate::error::OnnxError;
use crate::proto::{AttributeProto, NodeProto, TensorProto, is_onnx};

/// The operators of ONNX Runtime's own.
pub(super) const CONTRIB: &str = "com.microsoft";
/// Since this operator set `ReduceMax` takes its axes as an input.
const OPSET_OF_AXES_AS_INPUT: i64 = 18;
/// `AttributeProto.AttributeType`
const INT: i32 = 2;
const INTS: i32 = 7;
/// `TensorProto.DataType`
const UINT8: i32 = 2;
/// The code of 0 in activations.
const ZERO_POINT: u8 = 128;
/// The range is symmetric: -128 is not used.
const LARGEST_CODE: f32 = 127.0;
/// With fewer columns, quantizing the rows takes longer than the product saves.
const FEWEST_COLUMNS: usize = 64;

/// `MatMul` and `Gemm` to products of bytes, each row of activations scaled by its own largest
/// value: ONNX's `DynamicQuantizeLinear` has one scale for all rows, so that those of one caller
/// would depend on those that are run with them, and costs accuracy.
pub(super) struct Quantize {
    /// Outputs of products that stay as they are.
    kept: BTreeSet<String>,
    /// Version of ONNX's own operators.
    opset: i64,
    /// Names of [`Numbers`], once they are wanted.
    numbers: Option<Numbers>,
    /// By name, and the side of their rotation's blocks.
    activations: BTreeMap<(String, usize), Activations>,
    /// Names of rotations by the side of their blocks.
    rotations: BTreeMap<usize, Rotation>,
    /// By name, and whether they are transposed.
    weights: BTreeMap<(String, bool), Weights>,
}

/// Names of activations in bytes `[.., K]` and their scales `[.., 1]`.
#[derive(Clone)]
struct Activations {
    codes: String,
    scales: String,
}

/// Names of constants.
#[derive(Clone)]
struct Numbers {
    /// The smallest divisor: a row of zeros has no scale.
    tiny: String,
    largest_code: String,
    /// Half a step above the zero point: what is cast to an integer is rounded down.
    above_zero_point: String,
    zero_point: String,
    one: String,
    last_axis: String,
}

/// Names of quantized weights `[K, N]` and their scales `[N]`.
#[derive(Clone)]
struct Weights {
    codes: String,
    scales: String,
    /// The side of their rotation's blocks.
    block: usize,
}

/// Names of a rotation's matrix and of the shape that activations have for it.
#[derive(Clone)]
struct Rotation {
    matrix: String,
    blocks: String,
}

impl Quantize {
    /// For products other than those with an output in `kept`.
    pub(super) fn new(opset: i64, kept: BTreeSet<String>) -> Self {
        let (activations, rotations, weights) = Default::default();
        Self { kept, opset, numbers: None, activations, rotations, weights }
    }

    /// Whether anything was quantized.
    pub(super) fn applied(&self) -> bool {
        self.numbers.is_some()
    }

    /// Pushes `node`, quantized if it multiplies by constant f32 weights.
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
        let weights = match self.kept.contains(&output) {
            true => None,
            false => self.weights(edit, weights, transposed)?,
        };
        let Some(weights) = weights else {
            edit.push(node);
            return Ok(());
        };
        let activations = self.activations(edit, input, weights.block)?;
        let scaled = if bias.is_empty() { output.clone() } else { edit.fresh(&output, "scaled") };
        self.multiply(edit, &activations, &weights, &scaled)?;
        if !bias.is_empty() {
            edit.push_new("Add", &[&scaled, &bias], &[&output]);
        }
        Ok(())
    }

    /// Quantized weights, or none if they are not constant f32 `[K, N]` or have few columns.
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
        let [rows, columns] = [0, 1].map(|axis| tensor.shape()[axis]);
        if columns < FEWEST_COLUMNS {
            return Ok(None);
        }
        let block = rotate::block(rows);
        let [codes, scales] = quantized(tensor, block).map_err(refuse)?;
        let [codes, scales] = [("i8", codes), ("scale", scales)].map(|(suffix, tensor)| {
            let name = edit.fresh(&key.0, suffix);
            edit.add_constant(TensorProto { name: name.clone(), ..tensor });
            name
        });
        Ok(Some(self.weights.entry(key).or_insert(Weights { codes, scales, block }).clone()))
    }

    /// `input` rotated and quantized; where it is first wanted, for it is known there.
    fn activations(
        &mut self,
        edit: &mut Edit<'_>,
        input: String,
        block: usize,
    ) -> Result<Activations, OnnxError> {
        let key = (input, block);
        if let Some(activations) = self.activations.get(&key) {
            return Ok(activations.clone());
        }
        let input = self.rotated(edit, &key.0, block)?;
        let numbers = self.numbers(edit)?;
        let [absolute, most, divisor, inverse, scales, scaled, shifted, codes] =
            ["absolute", "most", "divisor", "inverse", "row_scale", "scaled", "shifted", "u8"]
                .map(|suffix| edit.fresh(&input, suffix));
        edit.push_new("Abs", &[&input], &[&absolute]);
        self.push_largest(edit, &absolute, &most, &numbers);
        edit.push_new("Max", &[&most, &numbers.tiny], &[&divisor]);
        edit.push_new("Div", &[&numbers.largest_code, &divisor], &[&inverse]);
        edit.push_new("Div", &[&divisor, &numbers.largest_code], &[&scales]);
        edit.push_new("Mul", &[&input, &inverse], &[&scaled]);
        edit.push_new("Add", &[&scaled, &numbers.above_zero_point], &[&shifted]);
        edit.push_with("Cast", &[&shifted], &codes, vec![int("to", UINT8.into())]);
        let activations = Activations { codes, scales };
        Ok(self.activations.entry(key).or_insert(activations).clone())
    }

    /// The name of `input`, multiplied by the rotation.
    fn rotated(
        &mut self,
        edit: &mut Edit<'_>,
        input: &str,
        block: usize,
    ) -> Result<String, OnnxError> {
        if block == 1 {
            return Ok(input.to_owned());
        }
        let Rotation { matrix, blocks } = self.rotation(edit, block)?;
        let [shape, split, turned, rotated] =
            ["shape", "blocks", "turned", "rotated"].map(|suffix| edit.fresh(input, suffix));
        edit.push_new("Shape", &[input], &[&shape]);
        edit.push_new("Reshape", &[input, &blocks], &[&split]);
        edit.push_new("MatMul", &[&split, &matrix], &[&turned]);
        edit.push_new("Reshape", &[&turned, &shape], &[&rotated]);
        Ok(rotated)
    }

    fn rotation(&mut self, edit: &mut Edit<'_>, block: usize) -> Result<Rotation, OnnxError> {
        if let Some(rotation) = self.rotations.get(&block) {
            return Ok(rotation.clone());
        }
        let refuse = |error: TractError| OnnxError::Graph(format!("{error:#}"));
        let values = rotate::matrix(block).map_err(refuse)?;
        let matrix = add_number(edit, &format!("rotation_{block}"), &values)?;
        let blocks = add_number(edit, &format!("blocks_{block}"), &tensor1(&[-1, block as i64]))?;
        Ok(self.rotations.entry(block).or_insert(Rotation { matrix, blocks }).clone())
    }

    /// Pushes the largest value of each row.
    fn push_largest(&self, edit: &mut Edit<'_>, input: &str, output: &str, numbers: &Numbers) {
        if self.opset >= OPSET_OF_AXES_AS_INPUT {
            edit.push_new("ReduceMax", &[input, &numbers.last_axis], &[output]);
            return;
        }
        let axes = AttributeProto {
            name: "axes".into(),
            ints: vec![-1],
            r#type: INTS,
            ..Default::default()
        };
        edit.push_with("ReduceMax", &[input], output, vec![axes]);
    }

    fn numbers(&mut self, edit: &mut Edit<'_>) -> Result<Numbers, OnnxError> {
        if let Some(numbers) = &self.numbers {
            return Ok(numbers.clone());
        }
        let mut constant = |name: &str, value: Tensor| add_number(edit, name, &value);
        let numbers = Numbers {
            tiny: constant("tiny", tensor0(f32::MIN_POSITIVE * LARGEST_CODE))?,
            largest_code: constant("largest_code", tensor0(LARGEST_CODE))?,
            above_zero_point: constant("above_zero_point", tensor0(f32::from(ZERO_POINT) + 0.5))?,
            zero_point: constant("zero_point", tensor0(ZERO_POINT))?,
            one: constant("one", tensor0(1f32))?,
            last_axis: constant("last_axis", tensor1(&[-1i64]))?,
        };
        Ok(self.numbers.insert(numbers).clone())
    }

    /// Pushes the product, which ONNX Runtime has as one operator, and scales its rows.
    fn multiply(
        &mut self,
        edit: &mut Edit<'_>,
        a: &Activations,
        b: &Weights,
        output: &str,
    ) -> Result<(), OnnxError> {
        let Numbers { one, zero_point, .. } = self.numbers(edit)?;
        let product = edit.fresh(output, "rows");
        let inputs = [&a.codes[..], &b.codes, &one, &b.scales, &zero_point];
        edit.push(NodeProto {
            op_type: "MatMulIntegerToFloat".into(),
            domain: CONTRIB.into(),
            name: product.clone(),
            input: inputs.map(String::from).to_vec(),
            output: vec![product.clone()],
            ..NodeProto::default()
        });
        edit.push_new("Mul", &[&product, &a.scales], &[output]);
        Ok(())
    }
}

/// Adds a constant for `int8`, and returns its name.
fn add_number(edit: &mut Edit<'_>, name: &str, value: &Tensor) -> Result<String, OnnxError> {
    let refuse = |error: TractError| OnnxError::Graph(format!("{error:#}"));
    let name = edit.fresh("int8", name);
    edit.add_constant(TensorProto::of(&name, value).map_err(refuse)?);
    Ok(name)
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: INT, ..AttributeProto::default() }
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

/// Codes and scales of weights `[K, N]`, rotated, each column scaled by its largest value.
fn quantized(mut weights: Tensor, block: usize) -> TractResult<[TensorProto; 2]> {
    let columns = weights.shape()[1];
    let mut plain = weights.try_as_plain_ram_mut()?;
    rotate::rotate_back(plain.as_slice_mut::<f32>()?, columns, block);
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
