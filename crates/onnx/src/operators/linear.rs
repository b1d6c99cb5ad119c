use std::cell::RefCell;

use pilotlight_kernels::{
    Epilogue, F32Weights, InstructionSet, Int4Weights, Int8Weights, Nibbles, Scratch, Then,
    Weights as Packed, linear,
};
#[cfg(not(target_family = "wasm"))]
use pilotlight_kernels::{WeightsForm, WeightsLayout};
use tract_core::internal::*;

use super::floats;
use super::product::{Product, Weights, product_fact};
use crate::precision::Precision;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A [`Product`] that can be computed: f32 `[…, K]`, maybe a residual `[…, N]`, to f32 `[…, N]`.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weights: Arc<Packed>,
    bias: Option<Arc<Vec<f32>>>,
    gelu: bool,
    residual: bool,
}

impl Linear {
    /// Brings the weights of `product` into the order that the kernels read.
    pub(crate) fn pack(product: &Product, packing: Packing) -> TractResult<Self> {
        Ok(Self::new(product, Arc::new(packing.pack(product.weights())?)))
    }

    /// `product` with its weights in that order.
    pub(crate) fn new(product: &Product, weights: Arc<Packed>) -> Self {
        Self {
            weights,
            bias: product.bias().map(|bias| Arc::new(bias.to_vec())),
            gelu: product.gelu(),
            residual: product.residual(),
        }
    }

    fn compute(&self, inputs: &[TValue]) -> TractResult<Tensor> {
        let input = inputs.first().context("no input")?;
        let mut shape: TVec<usize> = input.shape().into();
        let last = shape.pop().context("a scalar has no rows")?;
        ensure!(last == self.weights.inputs(), "rows of {last}");
        let rows = shape.iter().product();
        shape.push(self.weights.outputs());
        let then = if self.gelu {
            Then::Gelu
        } else if self.residual {
            Then::Add(floats(inputs.get(1).context("no residual")?)?)
        } else {
            Then::Store
        };
        let epilogue = Epilogue { bias: self.bias.as_ref().map(|bias| &bias[..]), then };
        let mut out = Tensor::zero_dt(f32::datum_type(), &shape)?;
        let mut view = out.try_as_plain_ram_mut()?;
        let (x, values) = (floats(input)?, view.as_slice_mut::<f32>()?);
        SCRATCH.with_borrow_mut(|scratch| {
            linear(x, rows, &self.weights, &epilogue, scratch, values)
        })?;
        Ok(out)
    }
}

/// How weights are packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    pub(crate) precision: Precision,
    pub(crate) set: InstructionSet,
}

impl Packing {
    /// In `precision`, for this processor.
    pub(crate) fn of(precision: Precision) -> Self {
        Self { precision, set: InstructionSet::available() }
    }

    /// The layout that weights are packed in.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn layout(self, weights: &Weights) -> WeightsLayout {
        let form = match (self.nibbles(weights), self.precision) {
            (Some((block, ..)), _) => WeightsForm::Int4 { block },
            (None, Precision::F32) => WeightsForm::F32,
            (None, _) => WeightsForm::Int8,
        };
        WeightsLayout { form, sizes: [weights.rows(), weights.columns()], set: self.set }
    }

    /// Size of a block, codes and scales of weights that are kept in their own 4-bit blocks.
    fn nibbles(self, weights: &Weights) -> Option<(usize, &[u8], &[f32])> {
        match (weights, self.precision) {
            (Weights::Blocks(blocks), Precision::Int4) => blocks.plain_nibbles(),
            _ => None,
        }
    }

    /// Brings weights into the order that the kernels read.
    pub(crate) fn pack(self, weights: &Weights) -> TractResult<Packed> {
        let Self { precision, set } = self;
        let sizes = [weights.rows(), weights.columns()];
        if let Some((block, codes, scales)) = self.nibbles(weights) {
            let nibbles = Nibbles { sizes, block, codes, scales };
            return Ok(Packed::Int4(Int4Weights::pack_on(set, &nibbles)?));
        }
        let values = weights.floats()?;
        Ok(match precision {
            Precision::F32 => Packed::F32(F32Weights::pack_on(set, sizes, &values)?),
            _ => Packed::Int8(Int8Weights::quantize_on(set, sizes, &values)?),
        })
    }
}

impl PartialEq for Linear {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.weights, &other.weights)
            && (&self.bias, self.gelu, self.residual) == (&other.bias, other.gelu, other.residual)
    }
}

impl Eq for Linear {}

impl Op for Linear {
    fn name(&self) -> StaticName {
        "Linear".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Linear {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(tvec!(self.compute(&inputs)?.into_tvalue()))
    }
}

impl TypedOp for Linear {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let input = inputs.first().context("no input")?;
        Ok(tvec!(product_fact(input, self.weights.inputs(), self.weights.outputs())?))
    }

    as_op!();
}
