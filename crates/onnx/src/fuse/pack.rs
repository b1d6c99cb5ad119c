//! The last step: weights in the order that the kernels read.

use tract_core::internal::*;

use crate::operators::{Linear, Product};
use crate::precision::Precision;

/// Puts [`Linear`] in the place of each [`Product`].
pub(super) fn pack(model: &mut TypedModel, precision: Precision) -> TractResult<()> {
    for node in model.nodes_mut() {
        if let Some(product) = node.op_as::<Product>() {
            node.op = Box::new(Linear::pack(product, precision)?);
        }
    }
    Ok(())
}
