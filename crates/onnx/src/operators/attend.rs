use std::borrow::Cow;
use std::cell::RefCell;

use pilotlight_kernels::{Attention, AttentionScratch, Heads, Rows};
use tract_core::internal::*;

use super::floats;

thread_local! {
    static SCRATCH: RefCell<AttentionScratch> = RefCell::default();
}

/// Attention of one sequence: `[…, S, 3·H]`, or three of `[…, S, H]`, and where it is masked the
/// summands of the scores, `[…, 1 or S, S]`; to `[…, S, H]`, all f32.
#[derive(Debug, Clone)]
pub(crate) struct Attend {
    heads: Heads,
    scale: f32,
    /// Queries, keys and values are the columns of one input.
    together: bool,
    masked: bool,
    /// Queries that see no key at all give zeros.
    guarded: bool,
}

impl Attend {
    pub(crate) fn new(heads: Heads, scale: f32, together: bool) -> Self {
        Self { heads, scale, together, masked: false, guarded: false }
    }

    pub(crate) fn masked(self) -> Self {
        Self { masked: true, ..self }
    }

    pub(crate) fn guarded(self) -> Self {
        Self { guarded: true, ..self }
    }

    fn width(&self) -> usize {
        self.heads.count * self.heads.width
    }

    fn compute(&self, inputs: &[TValue]) -> TractResult<Tensor> {
        let width = self.width();
        let stride = if self.together { 3 * width } else { width };
        let operands = if self.together { 1 } else { 3 };
        let rows = |index: usize| {
            let (source, start) = if self.together { (0, index * width) } else { (index, 0) };
            let source = inputs.get(source).context("too few inputs")?;
            TractResult::Ok(Rows { values: floats(source)?, stride, start })
        };
        let rows = [rows(0)?, rows(1)?, rows(2)?];
        let mut shape: TVec<usize> = inputs[0].shape().into();
        let tokens = shape.iter().rev().skip(1).product();
        *shape.last_mut().context("a scalar")? = width;
        let mut attention = Attention::new(tokens, self.heads, rows, self.scale)
            .context("queries, keys and values do not fit")?;
        let mask = self.masked.then(|| inputs.get(operands).context("the mask is missing"));
        let mask = mask.transpose()?.map(|mask| whole(mask, tokens)).transpose()?;
        if let Some(mask) = &mask {
            let view = mask.try_as_plain_ram()?;
            let mask = view.as_slice::<f32>()?;
            attention = attention.masked(mask).context("the mask does not fit")?;
        }
        if self.guarded {
            attention = attention.guarded();
        }
        let mut out = Tensor::zero_dt(f32::datum_type(), &shape)?;
        let mut view = out.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<f32>()?;
        SCRATCH.with_borrow_mut(|scratch| attention.compute(scratch, values));
        Ok(out)
    }
}

/// What it is computed with, for those that compute it elsewhere.
#[cfg(not(target_family = "wasm"))]
impl Attend {
    pub(crate) fn is_guarded(&self) -> bool {
        self.guarded
    }

    pub(crate) fn heads(&self) -> Heads {
        self.heads
    }

    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether queries, keys and values are the columns of one input.
    pub(crate) fn is_together(&self) -> bool {
        self.together
    }
}

/// A mask with all its columns. tract leaves axes out along which all is the same.
fn whole(mask: &TValue, tokens: usize) -> TractResult<Cow<'_, Tensor>> {
    if mask.shape().last() == Some(&tokens) {
        return Ok(Cow::Borrowed(mask));
    }
    let mut shape: TVec<usize> = mask.shape().into();
    *shape.last_mut().context("a mask without axes")? = tokens;
    Ok(Cow::Owned(mask.broadcast_to_shape(&shape)?))
}

impl PartialEq for Attend {
    fn eq(&self, other: &Self) -> bool {
        let key = |op: &Self| (op.heads, op.scale.to_bits(), op.together, op.masked, op.guarded);
        key(self) == key(other)
    }
}

impl Eq for Attend {}

impl Op for Attend {
    fn name(&self) -> StaticName {
        "Attend".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("{self:?}")])
    }

    op_as_typed_op!();
}

impl EvalOp for Attend {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(tvec!(self.compute(&inputs)?.into_tvalue()))
    }
}

impl TypedOp for Attend {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs.first().context("no inputs")?.shape.clone();
        let last = shape.rank().checked_sub(1).context("a scalar")?;
        shape.set(last, self.width().to_dim());
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}
