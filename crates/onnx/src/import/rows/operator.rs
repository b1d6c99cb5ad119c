use tract_core::internal::*;
use tract_core::ops::einsum::EinSum;

use crate::operators::Recur;

use super::value::{ACROSS, ALIGNED, Kept, Rows, UNKNOWN, Value};

/// An operator with at least one input that has rows.
pub(super) struct Op<'a> {
    pub(super) node: &'a TypedNode,
    pub(super) inputs: &'a [Value],
    pub(super) facts: Vec<&'a TypedFact>,
    pub(super) dims: &'a [TDim],
    /// Which of its outputs this is about.
    pub(super) slot: usize,
}

impl Op<'_> {
    fn rows(&self, input: usize) -> Option<&Rows> {
        match self.inputs.get(input)? {
            Value::Rows(rows) => Some(rows),
            Value::Shared | Value::Mixed(_) => None,
        }
    }

    /// The rows of the first input; all others are shared.
    pub(super) fn sole(&self) -> Kept {
        let others = self.inputs.iter().skip(1).all(|value| *value == Value::Shared);
        match self.inputs.first() {
            Some(value @ Value::Rows(_)) if others => Ok(value.clone()),
            _ => Err(ALIGNED),
        }
    }

    /// The rows of all inputs, which are the same and on the same axis.
    pub(super) fn aligned(&self) -> Kept {
        let first = self.inputs.first().ok_or(UNKNOWN)?;
        let same = self.inputs.iter().all(|value| value == first);
        if same { Ok(first.clone()) } else { Err(ALIGNED) }
    }

    /// `value`, unless its rows lie on one of `axes`.
    pub(super) fn outside(&self, value: Value, axes: &[usize]) -> Kept {
        match &value {
            Value::Rows(rows) if axes.contains(&rows.axis) => Err(ACROSS),
            _ => Ok(value),
        }
    }

    /// Elements of the same place, where each shared input has the same for all rows.
    pub(super) fn broadcast(&self) -> Kept {
        let rows = (0..self.inputs.len()).find_map(|input| self.rows(input)).ok_or(UNKNOWN)?;
        for (input, value) in self.inputs.iter().enumerate() {
            let fits = match value {
                Value::Rows(other) => other == rows,
                Value::Shared => self.facts[input].shape.get(rows.axis).is_some_and(TDim::is_one),
                Value::Mixed(_) => false,
            };
            if !fits {
                return Err(ALIGNED);
            }
        }
        Ok(Value::Rows(rows.clone()))
    }

    pub(super) fn einsum(&self, op: &EinSum) -> Kept {
        if op.q_params.is_some() {
            return Err(UNKNOWN);
        }
        let input = (0..self.inputs.len()).find(|input| self.rows(*input).is_some());
        let input = input.ok_or(UNKNOWN)?;
        let rows = self.rows(input).ok_or(UNKNOWN)?;
        let axis = op.axes.iter_all_axes().find(|axis| axis.inputs[input].contains(&rows.axis));
        let axis = axis.ok_or(UNKNOWN)?;
        let [out] = axis.outputs[0][..] else { return Err(ACROSS) };
        for (other, value) in self.inputs.iter().enumerate() {
            let fits = match (value, &axis.inputs[other][..]) {
                (Value::Rows(other), [place]) => other.axis == *place && other.each == rows.each,
                (Value::Shared, []) => true,
                (Value::Shared, [place]) => {
                    self.facts[other].shape.get(*place).is_some_and(TDim::is_one)
                }
                _ => false,
            };
            if !fits {
                return Err(ALIGNED);
            }
        }
        Ok(Value::Rows(Rows { axis: out, each: rows.each.clone() }))
    }

    /// A recurrent layer: rows are on the second axis of `[T, B, …]`, and on the first one of
    /// lengths, first states and last states.
    pub(super) fn recur(&self, op: &Recur) -> Kept {
        let rows = self.rows(0).filter(|rows| rows.axis == 1).ok_or(ACROSS)?;
        let first = Rows { axis: 0, each: rows.each.clone() };
        let others = (1..self.inputs.len()).all(|input| self.rows(input) == Some(&first));
        let count = usize::from(op.lengths) + op.states.iter().filter(|given| **given).count();
        if !others || self.inputs.len() != 1 + count {
            return Err(ALIGNED);
        }
        Ok(Value::Rows(if self.slot == 0 { rows.clone() } else { first }))
    }

    /// `data[.., indices, ..]`
    pub(super) fn gather(&self, axis: usize) -> Kept {
        match (self.rows(0), self.rows(1)) {
            (None, Some(rows)) => {
                Ok(Value::Rows(Rows { axis: axis + rows.axis, each: rows.each.clone() }))
            }
            (Some(rows), None) if rows.axis < axis => Ok(Value::Rows(rows.clone())),
            (Some(rows), None) if rows.axis > axis => {
                let axis = rows.axis + self.facts[1].rank() - 1;
                Ok(Value::Rows(Rows { axis, each: rows.each.clone() }))
            }
            (Some(_), None) => Err(ACROSS),
            _ => Err(ALIGNED),
        }
    }

    pub(super) fn gather_elements(&self, axis: usize) -> Kept {
        match (self.rows(0), self.rows(1)) {
            (Some(_), Some(_)) => self.outside(self.aligned()?, &[axis]),
            (None, Some(rows)) if rows.axis == axis => Ok(Value::Rows(rows.clone())),
            _ => Err(ALIGNED),
        }
    }

    pub(super) fn gather_nd(&self, batch_dims: usize) -> Kept {
        match (self.rows(0), self.rows(1)) {
            (None, Some(rows)) if batch_dims == 0 && rows.axis + 1 < self.facts[1].rank() => {
                Ok(Value::Rows(rows.clone()))
            }
            (Some(data), Some(indices)) if data == indices && data.axis < batch_dims => {
                Ok(Value::Rows(data.clone()))
            }
            _ => Err(ALIGNED),
        }
    }
}
