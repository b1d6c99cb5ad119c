//! The last step: weights in the order that the kernels read.

use tract_core::internal::*;

use crate::operators::{Linear, Packing, Product};

/// Puts [`Linear`] in the place of each [`Product`].
pub(super) fn pack(model: &mut TypedModel, packing: Packing) -> TractResult<()> {
    for node in model.nodes_mut() {
        if let Some(product) = node.op_as::<Product>() {
            node.op = Box::new(Linear::pack(product, packing)?);
        }
    }
    Ok(())
}
