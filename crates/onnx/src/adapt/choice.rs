//! Which of a graph's outputs are wanted.

use super::inputs::{declared, tensor_type};
use super::output::{Lack, Output};
use super::{Adapt, Wanted};
use crate::element::{BFLOAT16, DOUBLE, FLOAT, FLOAT16};
use crate::error::OnnxError;
use crate::proto::{NodeProto, ValueInfoProto, dimension, is_onnx};

const LOGITS: &str = "logits";
/// Nodes that are followed to find how many columns a value has.
const LONGEST_CHAIN: usize = 16;

/// How well an output's declaration fits what is wanted, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// All dimensions are there.
    Whole,
    /// `[sequence, columns]` or `[batch]`: one is missing.
    Lacking,
    /// Nothing speaks against it.
    Unknown,
    No,
}

/// One output that is wanted.
#[derive(Clone, Copy)]
struct Sought {
    per_token: bool,
    columns: Option<usize>,
}

impl Adapt<'_> {
    /// Finds the wanted outputs and drops the others.
    pub(super) fn choose_outputs(&mut self, wanted: &Wanted) -> Result<Vec<Output>, OnnxError> {
        if self.graph.output.is_empty() {
            return Err(OnnxError::Graph("the graph has no output".into()));
        }
        let (indices, sought) = match wanted {
            Wanted::PerToken { columns } => {
                let sought = Sought { per_token: true, columns: *columns };
                // A sole output is what is wanted, whatever it declares.
                let sole = self.graph.output.len() == 1;
                (vec![if sole { 0 } else { self.best_output(sought)? }], Some(sought))
            }
            Wanted::PerText { columns } => {
                let sought = Sought { per_token: false, columns: *columns };
                (vec![self.best_output(sought)?], Some(sought))
            }
            Wanted::Named(names) => {
                let found: Result<_, _> =
                    names.iter().map(|name| self.output_named(name)).collect();
                (found?, None)
            }
        };
        let kept: Vec<ValueInfoProto> =
            indices.iter().map(|index| self.graph.output[*index].clone()).collect();
        let outputs: Vec<Output> =
            kept.iter().map(|value| self.complete(value, sought)).collect::<Result<_, _>>()?;
        if kept != self.graph.output {
            self.graph.output = kept;
            self.prune(&outputs);
            self.changed = true;
        }
        Ok(outputs)
    }

    fn output_named(&self, name: &str) -> Result<usize, OnnxError> {
        let place = self.graph.output.iter().position(|output| output.name == name);
        place.ok_or_else(|| {
            let all: Vec<String> = self.graph.output.iter().map(shown).collect();
            OnnxError::Graph(format!("no output is named {name}; there are {}", all.join(", ")))
        })
    }

    /// What a chosen output is, and lacks of what is wanted.
    fn complete(
        &self,
        value: &ValueInfoProto,
        sought: Option<Sought>,
    ) -> Result<Output, OnnxError> {
        let mut output = self.described(value);
        match sought {
            Some(Sought { per_token: true, columns }) => {
                let fits = |found: usize| columns.is_none_or(|columns| columns == found);
                output.per_token = true;
                if output.rank == 2 && output.columns.is_some_and(fits) {
                    output.lack = Lack::Batch;
                }
            }
            Some(_) => {
                output.per_token = false;
                if output.rank == 1 {
                    (output.lack, output.columns) = (Lack::Columns, Some(1));
                }
            }
            None => output.per_token = output.rank > 2 || self.is_sequence(value),
        }
        if sought.is_none() && output.per_token && output.rank == 2 {
            output.columns = Some(1);
        }
        if ![0, FLOAT, FLOAT16, BFLOAT16, DOUBLE].contains(&output.element) {
            let (name, element) = (&output.name, output.element);
            let reason = format!("output {name} has element type {element}, not floats");
            return Err(OnnxError::Graph(reason));
        }
        Ok(output)
    }

    fn best_output(&self, sought: Sought) -> Result<usize, OnnxError> {
        let outputs = &self.graph.output;
        let fits: Vec<Fit> = outputs.iter().map(|value| self.fit(value, sought)).collect();
        let best = fits.iter().copied().min().unwrap_or(Fit::No);
        let candidates: Vec<usize> =
            (0..outputs.len()).filter(|index| best != Fit::No && fits[*index] == best).collect();
        let named = candidates.iter().find(|index| outputs[**index].name == LOGITS);
        match &candidates[..] {
            [only] => Ok(*only),
            _ => named.copied().ok_or_else(|| self.ambiguous(&candidates, sought)),
        }
    }

    fn ambiguous(&self, candidates: &[usize], sought: Sought) -> OnnxError {
        let list = |indices: &mut dyn Iterator<Item = usize>| {
            indices.map(|index| shown(&self.graph.output[index])).collect::<Vec<_>>().join(", ")
        };
        let each = if sought.per_token { "token" } else { "text" };
        let columns = match sought.columns {
            Some(labels) => format!("{labels} labels"),
            None => "the labels".into(),
        };
        OnnxError::Graph(if candidates.is_empty() {
            let all = list(&mut (0..self.graph.output.len()));
            format!("none of the outputs {all} has {columns} for each {each}")
        } else {
            let list = list(&mut candidates.iter().copied());
            format!(
                "each of the outputs {list} could be {columns} for each {each}; export only one of \
                 them, or name it {LOGITS}"
            )
        })
    }

    fn fit(&self, value: &ValueInfoProto, sought: Sought) -> Fit {
        let output = self.described(value);
        let declared = tensor_type(value).and_then(|tensor| tensor.shape.as_ref());
        let rank = declared.map(|shape| shape.dim.len());
        let whole = if sought.per_token { 3 } else { 2 };
        let float = [FLOAT, FLOAT16, BFLOAT16, DOUBLE].contains(&output.element);
        let possible = float || output.element == 0;
        match (rank, output.columns, sought.columns) {
            _ if !possible || rank.is_some_and(|rank| rank != whole && rank + 1 != whole) => {
                Fit::No
            }
            (Some(1), _, columns) if columns.is_none_or(|columns| columns == 1) => Fit::Lacking,
            (Some(2), ..) if !sought.per_token && self.is_sequence(value) => Fit::No,
            (_, Some(columns), Some(labels)) if columns != labels => Fit::No,
            (Some(1), ..) => Fit::No,
            (Some(rank), Some(_), _) if rank == whole => Fit::Whole,
            (Some(2), Some(_), _) => Fit::Lacking,
            _ => Fit::Unknown,
        }
    }

    /// Whether a value of two dimensions is `[batch, sequence]`, not `[batch, columns]`.
    fn is_sequence(&self, value: &ValueInfoProto) -> bool {
        let of_inputs = |wanted: &dimension::Value| {
            self.graph.input.iter().any(|input| declared(input, 1) == Some(wanted))
        };
        match declared(value, 1) {
            Some(named @ dimension::Value::DimParam(_)) => of_inputs(named),
            Some(fixed @ dimension::Value::DimValue(size)) => {
                of_inputs(fixed) && self.columns(&value.name) != usize::try_from(*size).ok()
            }
            None => self.columns(&value.name).is_none(),
        }
    }

    fn described(&self, value: &ValueInfoProto) -> Output {
        let tensor = tensor_type(value);
        let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
        let last = shape.and_then(|shape| shape.dim.last()).and_then(|dim| dim.value.as_ref());
        let columns = match last {
            Some(dimension::Value::DimValue(size)) if *size > 0 => Some(*size as usize),
            _ => self.columns(&value.name),
        };
        Output {
            name: value.name.clone(),
            lack: Lack::Nothing,
            rank: shape.map_or(3, |shape| shape.dim.len()),
            element: tensor.map_or(0, |tensor| tensor.elem_type),
            per_token: true,
            columns,
        }
    }

    /// Columns that a value has because it is a product with constant weights.
    fn columns(&self, name: &str) -> Option<usize> {
        let mut name = name;
        for _ in 0..LONGEST_CHAIN {
            let node = self.producer(name).filter(|node| is_onnx(&node.domain))?;
            let constant = |index: usize| self.constant(node.input.get(index)?);
            let size = |dim: Option<&i64>| dim.and_then(|dim| usize::try_from(*dim).ok());
            match &node.op_type[..] {
                "MatMul" => return size(constant(1)?.dims.last()),
                "Gemm" if transposed(node) => return size(constant(1)?.dims.first()),
                "Gemm" => return size(constant(1)?.dims.last()),
                "Add" => match constant(0).or(constant(1)) {
                    Some(bias) if bias.dims.len() == 1 && bias.dims[0] > 1 => {
                        return size(bias.dims.first());
                    }
                    _ => name = node.input.iter().find(|name| self.constant(name).is_none())?,
                },
                "Cast" | "Identity" | "Dropout" | "Squeeze" => name = node.input.first()?,
                _ => return None,
            }
        }
        None
    }
}

fn transposed(node: &NodeProto) -> bool {
    node.attribute.iter().any(|attribute| attribute.name == "transB" && attribute.i != 0)
}

/// An output with its declared shape, for errors.
fn shown(value: &ValueInfoProto) -> String {
    let Some(shape) = tensor_type(value).and_then(|tensor| tensor.shape.as_ref()) else {
        return value.name.clone();
    };
    let dims = shape.dim.iter().map(|dim| match &dim.value {
        Some(dimension::Value::DimValue(size)) => size.to_string(),
        Some(dimension::Value::DimParam(name)) => name.clone(),
        None => "?".into(),
    });
    format!("{} [{}]", value.name, dims.collect::<Vec<_>>().join(", "))
}
