use pilotlight_kernels::LayerNorm;
use tract_core::internal::*;

use super::floats;

/// Layer normalization over the last axis of `[…, width]`, or of the sum of two of these, f32.
#[derive(Debug, Clone)]
pub(crate) struct Normalize {
    parameters: Arc<LayerNorm>,
    residual: bool,
}

impl Normalize {
    /// `None` unless `gamma` and `beta` have the same length.
    pub(crate) fn new(gamma: Vec<f32>, beta: Vec<f32>, epsilon: f32) -> Option<Self> {
        let parameters = Arc::new(LayerNorm::new(gamma, beta, epsilon)?);
        Some(Self { parameters, residual: false })
    }

    /// With a second input.
    pub(crate) fn with_residual(self) -> Self {
        Self { residual: true, ..self }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn parameters(&self) -> &LayerNorm {
        &self.parameters
    }

    pub(crate) fn has_residual(&self) -> bool {
        self.residual
    }
}

impl PartialEq for Normalize {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.parameters, &other.parameters) && self.residual == other.residual
    }
}

impl Eq for Normalize {}

impl Op for Normalize {
    fn name(&self) -> StaticName {
        "Normalize".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Normalize {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let residual = if self.residual { inputs.pop() } else { None };
        let rows = inputs.pop().context("no input")?;
        let width = self.parameters.width();
        ensure!(rows.shape().last() == Some(&width), "{:?} for rows of {width}", rows.shape());
        let mut rows = rows.into_tensor();
        let mut view = rows.try_as_plain_ram_mut()?;
        match &residual {
            Some(residual) => {
                ensure!(residual.len() == view.len(), "{} summands", residual.len());
                self.parameters.add_and_apply(view.as_slice_mut::<f32>()?, floats(residual)?);
            }
            None => self.parameters.apply(view.as_slice_mut::<f32>()?),
        }
        Ok(tvec!(rows.into_tvalue()))
    }
}

impl TypedOp for Normalize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let input = inputs.first().context("no input")?;
        Ok(tvec!(f32::fact(input.shape.clone())))
    }

    as_op!();
}
