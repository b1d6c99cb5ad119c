//! Where elements end up when axes are split, moved and merged: numbered elements are sent
//! through, whatever way the steps are spelt.

use tract_core::internal::*;

use crate::operators::Heads;

/// Tokens where the graph leaves their number open: a prime that no model has heads of.
const TOKENS: i64 = 5;

/// The places of elements as some steps leave them.
pub(super) struct Replay {
    symbols: SymbolValues,
    tokens: usize,
    places: Tensor,
}

impl Replay {
    /// Numbers the elements of `[…, tokens, width]`, whose other axes are 1, after `fact`.
    pub(super) fn of(fact: &TypedFact) -> TractResult<Option<Self>> {
        let mut symbols = SymbolValues::default();
        for symbol in fact.shape.iter().flat_map(|dim| dim.symbols()) {
            symbols.set(&symbol, TOKENS);
        }
        let shape = fact.shape.eval_to_usize(&symbols)?.into_owned();
        let [batch @ .., tokens, width] = &shape[..] else { return Ok(None) };
        if batch.iter().any(|size| *size != 1) || *tokens == 0 || *width == 0 {
            return Ok(None);
        }
        let numbers: Vec<i32> = (0..(tokens * width) as i32).collect();
        Ok(Some(Self { symbols, tokens: *tokens, places: Tensor::from_shape(&shape, &numbers)? }))
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    pub(super) fn shape(&self) -> &[usize] {
        self.places.shape()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Numbers the elements of `[…, heads, tokens, width]`, shaped as `shape` says, by where they
    /// stood before they were split into heads.
    pub(super) fn split(mut self, heads: Heads, shape: &ShapeFact) -> TractResult<Self> {
        let split = [self.tokens, heads.count, heads.width];
        let shape = shape.eval_to_usize(&self.symbols)?.into_owned();
        self.places = self.places.into_shape(&split)?.move_axis(0, 1)?.into_shape(&shape)?;
        Ok(self)
    }

    pub(super) fn step(&mut self, op: &AxisOp) -> TractResult<()> {
        let concrete = |dims: &TVec<TDim>| dims.iter().map(|dim| dim.eval(&self.symbols)).collect();
        let op = match op {
            AxisOp::Reshape(at, from, to) => AxisOp::Reshape(*at, concrete(from), concrete(to)),
            other => other.clone(),
        };
        op.change_tensor(&mut self.places, false)
    }

    /// Whether element after element is where `place` says.
    pub(super) fn ends_as(&self, places: impl Iterator<Item = usize>) -> bool {
        let Ok(view) = self.places.try_as_plain_ram() else { return false };
        let Ok(found) = view.as_slice::<i32>() else { return false };
        found.iter().map(|place| *place as usize).eq(places)
    }
}
