//! Masks: what scores are summed with, or chosen over.

use tract_core::internal::*;
use tract_core::ops::logic::Iff;

use super::super::matching::scalar;
use super::super::uniform;

/// Scores that are as good as masked out.
const MASKED: f32 = -1e4;

/// Which scores count, the same for all heads.
pub(super) enum Mask {
    /// Summands.
    Added(OutletId),
    /// `fill` in the place of scores where a condition holds, or where it doesn't.
    Chosen {
        condition: OutletId,
        fill: f32,
        /// The condition's value where scores stay.
        stays: bool,
    },
}

impl Mask {
    /// The scores that `node` lets through or fills.
    pub(super) fn chosen(model: &TypedModel, node: &TypedNode) -> Option<(OutletId, Self)> {
        node.op_as::<Iff>()?;
        let [condition, yes, no] = <[OutletId; 3]>::try_from(&node.inputs[..]).ok()?;
        let masked = |outlet| scalar(model, outlet).filter(|fill| *fill <= MASKED);
        let (scores, fill, stays) = match (masked(yes), masked(no)) {
            (Some(fill), None) => (no, fill, false),
            (None, Some(fill)) => (yes, fill, true),
            _ => return None,
        };
        Some((scores, Self::Chosen { condition, fill, stays }))
    }

    fn source(&self) -> OutletId {
        match self {
            Self::Added(outlet) | Self::Chosen { condition: outlet, .. } => *outlet,
        }
    }

    /// `None` if it does not fit `scores`; nothing if it masks nothing.
    pub(super) fn check(self, model: &TypedModel, scores: OutletId) -> Option<Option<Self>> {
        let uniform = uniform::element(model, self.source());
        match (&self, uniform) {
            // A softmax does not change when the same is added to all scores.
            (Self::Added(_), Some(element)) => {
                return element.cast_to_scalar::<f32>().is_ok_and(f32::is_finite).then_some(None);
            }
            (Self::Chosen { stays, .. }, Some(element)) => {
                if element.cast_to_scalar::<bool>().ok()? == *stays {
                    return Some(None);
                }
            }
            (_, None) => {}
        }
        let shape = |outlet| Some(model.outlet_fact(outlet).ok()?.shape.to_tvec());
        let (mask, scores) = (shape(self.source())?, shape(scores)?);
        let [.., rows, columns] = &scores[..] else { return None };
        let [others @ .., mask_rows, mask_columns] = &mask[..] else { return None };
        let fits = others.iter().all(TDim::is_one)
            && mask_columns == columns
            && (mask_rows == rows || mask_rows.is_one());
        fits.then_some(Some(self))
    }

    /// The summands.
    pub(super) fn wire(
        &self,
        model: &TypedModel,
        patch: &mut TypedModelPatch,
        name: &str,
    ) -> TractResult<OutletId> {
        let source = patch.tap_model(model, self.source())?;
        let Self::Chosen { fill, stays, .. } = self else { return Ok(source) };
        let ones = vec![1; patch.outlet_fact(source)?.rank()];
        let mut constant = |part: &str, value: f32| {
            patch.add_const(format!("{name}.{part}"), Tensor::from_shape(&ones, &[value])?)
        };
        let (fill, none) = (constant("fill", *fill)?, constant("none", 0.0)?);
        let branches = if *stays { [source, none, fill] } else { [source, fill, none] };
        Ok(patch.wire_node(format!("{name}.mask"), Iff, &branches)?[0])
    }
}
