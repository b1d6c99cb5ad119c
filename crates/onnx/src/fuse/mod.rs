//! Finds patterns of tract nodes by their structure and replaces each with one operator of [`crate::operators`].
//! Used by `import` and `ragged`. Does not know ONNX, names of nodes or exporters; other nodes stay with tract.

mod attention;
mod gelu;
mod layer_norm;
mod linear;
mod matching;
mod pack;
mod replay;
mod uniform;

use tract_core::internal::*;

use crate::error::OnnxError;
use crate::operators::Packing;
use crate::precision::Precision;

/// A node and the model it stands in, to what should replace it.
type Pattern = fn(&TypedModel, &TypedNode) -> TractResult<Option<TypedModelPatch>>;

/// In this order: later ones look for what earlier ones made.
const PATTERNS: [Pattern; 7] = [
    linear::product,
    linear::bias,
    gelu::gelu,
    attention::attention,
    linear::residual,
    layer_norm::layer_norm,
    layer_norm::residual,
];

/// Replaces what the patterns find; the weights of products are packed for `precision`.
///
/// # Errors
/// [`OnnxError::Optimize`] when a graph comes out inconsistent.
pub fn fuse(model: &mut TypedModel, precision: Precision) -> Result<(), OnnxError> {
    find(model)?;
    pack::pack(model, Packing::of(precision)).map_err(refuse)
}

/// Replaces what the patterns find; products are left to be packed.
///
/// # Errors
/// Those of [`fuse`].
pub(crate) fn find(model: &mut TypedModel) -> Result<(), OnnxError> {
    model.prop_consts().map_err(refuse)?;
    PATTERNS.iter().try_for_each(|pattern| apply(model, *pattern)).map_err(refuse)?;
    // Before packing: constants that have become part of an operator go with their nodes.
    model.compact().map_err(refuse)
}

fn refuse(error: TractError) -> OnnxError {
    OnnxError::Optimize(format!("{error:#}"))
}

fn apply(model: &mut TypedModel, pattern: Pattern) -> TractResult<()> {
    for id in model.eval_order()? {
        // Patches clear the nodes that nothing uses any more.
        if model.node(id).outputs.is_empty() {
            continue;
        }
        if let Some(patch) = pattern(model, model.node(id))? {
            patch.apply(model)?;
        }
    }
    Ok(())
}
