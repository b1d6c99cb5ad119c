//! What a graph is cut into, before its weights are packed.

use pilotlight_kernels::{Weights, WeightsLayout};
use tract_core::internal::*;

use crate::operators::{self, Packing, Product};

/// What a graph is cut into, before its weights are packed: enough to decide whether and where to pack them.
#[derive(Debug)]
pub struct Outline<'a> {
    /// Multiply-adds for a token in products with constant weights that are computed with kernels of our own, and others.
    pub work: [u64; 2],
    /// Products in row stages.
    pub products: usize,
    /// Fragments.
    pub fragments: usize,
    /// The weights of all products, in an order that depends on the graph alone.
    pub weights: Vec<Unpacked<'a>>,
}

impl Outline<'_> {
    /// Packs all weights.
    ///
    /// # Errors
    /// The reason, with the name of the product.
    pub fn pack(&self) -> Result<Vec<Weights>, String> {
        self.weights.iter().map(Unpacked::pack).collect()
    }

    pub(super) fn empty() -> Self {
        Self { work: [0; 2], products: 0, fragments: 0, weights: Vec::new() }
    }
}

/// Weights of a product that are not packed yet.
#[derive(Debug)]
pub struct Unpacked<'a> {
    /// The node of the product.
    pub(super) node: usize,
    name: &'a str,
    weights: &'a operators::Weights,
    packing: Packing,
}

impl<'a> Unpacked<'a> {
    pub(super) fn of(node: &'a TypedNode, product: &'a Product, packing: Packing) -> Self {
        Self { node: node.id, name: &node.name, weights: product.weights(), packing }
    }

    /// The name of the product.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The layout that the weights are packed in.
    pub fn layout(&self) -> WeightsLayout {
        self.packing.layout(self.weights)
    }

    /// Packs the weights.
    ///
    /// # Errors
    /// The reason, with the name of the product.
    pub fn pack(&self) -> Result<Weights, String> {
        let packed = self.packing.pack(self.weights);
        packed.map_err(|error| format!("{}: {error:#}", self.name))
    }
}

/// Multiply-adds of a node for a token: in products with constant weights, and others. What is not known counts as
/// more than everything else.
pub(super) fn work(model: &TypedModel, node: &TypedNode) -> [u64; 2] {
    const TOKENS: i64 = 64;
    if let Some(product) = node.op_as::<Product>() {
        return [(product.weights().rows() * product.weights().columns()) as u64, 0];
    }
    if ["Convolve", "Recur"].contains(&&*node.op.name()) {
        return [0, u64::MAX];
    }
    let Ok((facts, _)) = model.node_facts(node.id) else { return [0; 2] };
    let costs = node.op.cost(&facts).unwrap_or_default();
    let costs = costs.into_iter().filter(|(cost, _)| matches!(cost, tract_core::ops::Cost::FMA(_)));
    let total = costs.filter_map(|(_, count)| {
        let symbols = count.symbols().into_iter();
        let values =
            symbols.fold(SymbolValues::default(), |values, symbol| values.with(&symbol, TOKENS));
        count.eval(&values).to_i64().ok()
    });
    [0, (total.sum::<i64>() / TOKENS).cast_unsigned()]
}
