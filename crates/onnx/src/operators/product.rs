use std::borrow::Cow;
use std::fmt;

use tract_core::internal::*;

use crate::nbits::BlockQuantized;

/// A constant matrix, one row for each output.
pub(crate) enum Weights {
    /// Plain.
    Floats {
        /// Outputs.
        rows: usize,
        /// Inputs.
        columns: usize,
        /// `[rows, columns]`.
        values: Vec<f32>,
    },
    /// As the file has them.
    Blocks(BlockQuantized),
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.rows(), self.columns())
    }
}

impl Weights {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Floats { rows, .. } => *rows,
            Self::Blocks(blocks) => blocks.rows(),
        }
    }

    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Floats { columns, .. } => *columns,
            Self::Blocks(blocks) => blocks.columns(),
        }
    }

    /// `[rows, columns]` as plain floats.
    pub(super) fn floats(&self) -> TractResult<Cow<'_, [f32]>> {
        Ok(match self {
            Self::Floats { values, .. } => Cow::Borrowed(values),
            Self::Blocks(blocks) => {
                let tensor = blocks.dequantize()?;
                Cow::Owned(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
            }
        })
    }

    /// One below the other.
    fn stacked(parts: [&Self; 3]) -> Option<Self> {
        let [Self::Floats { columns, .. }, ..] = parts else {
            let blocks = parts.map(|part| match part {
                Self::Blocks(blocks) => Some(blocks),
                Self::Floats { .. } => None,
            });
            let [a, b, c] = blocks;
            return Some(Self::Blocks(BlockQuantized::stacked(&[a?, b?, c?])?));
        };
        let values = parts.map(|part| match part {
            Self::Floats { columns: others, values, .. } if others == columns => Some(&values[..]),
            _ => None,
        });
        let [a, b, c] = values;
        let rows = parts.iter().map(|part| part.rows()).sum();
        Some(Self::Floats { rows, columns: *columns, values: [a?, b?, c?].concat() })
    }
}

/// `x · Wᵀ`, then maybe a bias, then maybe a GELU or a second input added: what fusing has found
/// so far. Stands in graphs until [`super::Linear`] takes its place, and is never computed.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    weights: Arc<Weights>,
    bias: Option<Arc<Vec<f32>>>,
    gelu: bool,
    residual: bool,
}

impl Product {
    pub(crate) fn new(weights: Weights) -> Self {
        Self { weights: Arc::new(weights), bias: None, gelu: false, residual: false }
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    pub(crate) fn bias(&self) -> Option<&[f32]> {
        self.bias.as_ref().map(|bias| &bias[..])
    }

    pub(crate) fn gelu(&self) -> bool {
        self.gelu
    }

    pub(crate) fn residual(&self) -> bool {
        self.residual
    }

    /// Whether nothing follows the product yet.
    pub(crate) fn is_bare(&self) -> bool {
        self.bias.is_none() && self.takes_more()
    }

    /// Whether a GELU or a residual can follow.
    pub(crate) fn takes_more(&self) -> bool {
        !self.gelu && !self.residual
    }

    pub(crate) fn with_bias(self, bias: Vec<f32>) -> Self {
        Self { bias: Some(Arc::new(bias)), ..self }
    }

    pub(crate) fn with_gelu(self) -> Self {
        Self { gelu: true, ..self }
    }

    pub(crate) fn with_residual(self) -> Self {
        Self { residual: true, ..self }
    }

    /// Three products of the same input as one, their outputs side by side.
    pub(crate) fn stacked(parts: [&Self; 3]) -> Option<Self> {
        if !parts.iter().all(|part| part.takes_more()) {
            return None;
        }
        let weights = Weights::stacked(parts.map(|part| &*part.weights))?;
        let biases = parts.map(|part| match part.bias() {
            Some(bias) => bias.to_vec(),
            None => vec![0.0; part.weights.rows()],
        });
        let bias = parts.iter().any(|part| part.bias.is_some()).then(|| Arc::new(biases.concat()));
        Some(Self { bias, ..Self::new(weights) })
    }
}

impl PartialEq for Product {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.weights, &other.weights)
            && self.bias == other.bias
            && (self.gelu, self.residual) == (other.gelu, other.residual)
    }
}

impl Eq for Product {}

impl Op for Product {
    fn name(&self) -> StaticName {
        "Product".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Product {
    not_out_of_plan!();
}

impl TypedOp for Product {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let input = inputs.first().context("no input")?;
        Ok(tvec!(product_fact(input, self.weights.columns(), self.weights.rows())?))
    }

    as_op!();
}

/// `[…, columns]` to `[…, rows]`.
pub(super) fn product_fact(
    input: &TypedFact,
    columns: usize,
    rows: usize,
) -> TractResult<TypedFact> {
    let mut shape = input.shape.clone();
    let last = shape.rank().checked_sub(1).context("a scalar has no rows")?;
    let found = &shape[last];
    ensure!(*found == columns.to_dim(), "rows of {found} for a matrix of {columns} columns");
    ensure!(input.datum_type == f32::datum_type(), "{:?} is not f32", input.datum_type);
    shape.set(last, rows.to_dim());
    Ok(f32::fact(shape))
}
