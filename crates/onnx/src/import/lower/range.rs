//! `Range`, also of numbers that are no sizes.

use tract_core::internal::*;
use tract_core::ops::array::Range;
use tract_core::ops::cast::Cast;

use super::array::scalar;
use super::{Lower, Wiring};
use crate::shape::check_volume;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    (operator == "Range").then_some(range as Lower)
}

fn range(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let dtype = w.dtype(w.input(0)?)?;
    let known = [w.known(0)?, w.known(1)?, w.known(2)?];
    if let ([Some(start), Some(limit), Some(step)], true) = (&known, dtype != TDim::datum_type())
        && limit.datum_type() == dtype
    {
        return Ok(tvec!(numbers(w, [start, limit, step])?));
    }
    let [start, limit, step] = [0, 1, 2].map(|index| size(w, index));
    let (start, limit, step) = (start?, limit?, step?.to_i64()?);
    ensure!(step > 0, "step {step} is not supported");
    let counted = sizes(w, [start, limit, step.to_dim()])?;
    // Sizes count as integers.
    let dtype = if dtype == TDim::datum_type() { i64::datum_type() } else { dtype };
    Ok(tvec!(w.cast(counted, dtype)?))
}

/// `start`, `start + step` … before `limit`, as i64.
pub(super) fn sizes(w: &mut Wiring<'_>, [start, limit, step]: [TDim; 3]) -> TractResult<OutletId> {
    let each = usize::try_from(step.to_i64()?)?;
    ensure!(each > 0, "step {each}");
    let length = (limit.clone() - start.clone()).divceil(each);
    check_volume(std::slice::from_ref(&length), i64::datum_type())?;
    let bounds = [
        w.scalar("start", tensor0(start))?,
        w.scalar("limit", tensor0(limit))?,
        w.scalar("step", tensor0(step))?,
    ];
    w.wire("range", Range::new(length), &bounds)
}

/// A constant: all numbers are known.
fn numbers(w: &mut Wiring<'_>, bounds: [&Arc<Tensor>; 3]) -> TractResult<OutletId> {
    let dtype = bounds[0].datum_type();
    let [start, limit, step] = bounds.map(|bound| bound.cast_to_scalar::<f64>());
    let (start, limit, step) = (start?, limit?, step?);
    let length = ((limit - start) / step).ceil().max(0.0);
    ensure!(length.is_finite(), "from {start} to {limit} by {step}");
    check_volume(&[(length as i64).to_dim()], f64::datum_type())?;
    let values: Vec<f64> = (0..length as usize).map(|place| start + place as f64 * step).collect();
    w.scalar("range", tensor1(&values).cast_to_dt(dtype)?.into_owned())
}

/// A bound that is a size, whatever it has been cast to.
fn size(w: &Wiring<'_>, index: usize) -> TractResult<TDim> {
    let mut outlet = w.input(index)?;
    while w.model.outlet_fact(outlet)?.konst.is_none() && w.model.node(outlet.node).op_is::<Cast>()
    {
        outlet = w.model.node(outlet.node).inputs[0];
    }
    let value = w.model.outlet_fact(outlet)?.konst.clone();
    let value = value.with_context(|| format!("input {index} is not a constant"))?;
    if value.datum_type().is_float() {
        let number = value.cast_to_scalar::<f64>()?;
        ensure!(number.fract() == 0.0, "{number} is no whole number");
        return Ok((number as i64).to_dim());
    }
    scalar(value.cast_to::<TDim>()?.try_as_plain_ram()?.as_slice::<TDim>()?.to_vec())
}
