use tract_core::internal::*;
use tract_core::ops::binary::BinMiniOp;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::logic::{self, And, Iff, Or, Xor};
use tract_core::ops::math::{self, Add, Div, Max, Min, Mul, Pow, Rem, Sub};

use super::{Lower, Wiring};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Add" => |w| binary(w, Box::new(Add)),
        "Sub" => |w| binary(w, Box::new(Sub)),
        "Mul" => |w| binary(w, Box::new(Mul)),
        "Div" => |w| binary(w, Box::new(Div)),
        "Mod" => modulo,
        "Pow" => pow,
        "And" => |w| binary(w, Box::new(And)),
        "Or" => |w| binary(w, Box::new(Or)),
        "Xor" => |w| binary(w, Box::new(Xor)),
        "Equal" => |w| binary(w, logic::comp_eq()),
        "Greater" => |w| binary(w, logic::comp_gt()),
        "GreaterOrEqual" => |w| binary(w, logic::comp_gte()),
        "Less" => |w| binary(w, logic::comp_lt()),
        "LessOrEqual" => |w| binary(w, logic::comp_lte()),
        "Max" => |w| fold(w, || Box::new(Max)),
        "Min" => |w| fold(w, || Box::new(Min)),
        "Sum" => |w| fold(w, || Box::new(Add)),
        "Mean" => mean,
        "Where" => select,
        "Abs" => |w| unary(w, math::abs()),
        "Ceil" => |w| unary(w, math::ceil()),
        "Cos" => |w| unary(w, math::cos()),
        "Erf" => |w| unary(w, math::erf()),
        "Exp" => |w| unary(w, math::exp()),
        "Floor" => |w| unary(w, math::floor()),
        "IsNaN" => |w| unary(w, math::is_nan()),
        "Log" => |w| unary(w, math::ln()),
        "Neg" => |w| unary(w, math::neg()),
        "Not" => |w| unary(w, logic::not()),
        "Reciprocal" => |w| unary(w, math::recip()),
        "Round" => |w| unary(w, math::round_half_to_even()),
        "Sign" => |w| unary(w, math::sign()),
        "Sin" => |w| unary(w, math::sin()),
        "Sqrt" => |w| unary(w, math::sqrt()),
        "Tanh" => |w| unary(w, math::tanh()),
        "Sigmoid" => |w| unary(w, tract_core::ops::nn::sigmoid()),
        _ => return None,
    })
}

fn binary(w: &mut Wiring<'_>, op: Box<dyn BinMiniOp>) -> TractResult<TVec<OutletId>> {
    let operands = [w.input(0)?, w.input(1)?];
    Ok(tvec!(w.binary("out", op, operands)?))
}

fn fold(w: &mut Wiring<'_>, op: fn() -> Box<dyn BinMiniOp>) -> TractResult<TVec<OutletId>> {
    let mut folded = w.input(0)?;
    for operand in w.all_inputs()?.into_iter().skip(1) {
        folded = w.binary("fold", op(), [folded, operand])?;
    }
    Ok(tvec!(folded))
}

fn mean(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let sum = fold(w, || Box::new(Add))?[0];
    let count = w.float("count", w.inputs.len() as f32)?;
    Ok(tvec!(w.binary("mean", Box::new(Div), [sum, count])?))
}

/// The remainder: of the sign of the divisor, or with `fmod` of the dividend.
fn modulo(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let operands = [w.input(0)?, w.input(1)?];
    let rest = w.binary("rest", Box::new(Rem), operands)?;
    let dtype = w.dtype(rest)?;
    let signed = dtype.is_signed() || dtype.is_float();
    if w.node.int_or("fmod", 0) != 0 || !signed {
        return Ok(tvec!(rest));
    }
    let shifted = w.binary("shifted", Box::new(Add), [rest, operands[1]])?;
    Ok(tvec!(w.binary("out", Box::new(Rem), [shifted, operands[1]])?))
}

fn unary(w: &mut Wiring<'_>, op: ElementWiseOp) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    Ok(tvec!(w.unary("out", op, input)?))
}

fn pow(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (base, exponent) = (w.input(0)?, w.input(1)?);
    let dtype = w.dtype(base)?;
    let exponent = w.cast(exponent, dtype)?;
    Ok(tvec!(w.binary("out", Box::new(Pow), [base, exponent])?))
}

fn select(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (condition, yes, no) = (w.input(0)?, w.input(1)?, w.input(2)?);
    let (a, b) = (w.dtype(yes)?, w.dtype(no)?);
    let dtype = a.common_super_type(b).with_context(|| format!("{a:?} beside {b:?}"))?;
    let branches =
        [w.cast(condition, bool::datum_type())?, w.cast(yes, dtype)?, w.cast(no, dtype)?];
    let name = w.name.clone();
    let branches = tract_core::ops::change_axes::wire_rank_broadcast(name, w.model, &branches)?;
    Ok(tvec!(w.wire("out", Iff, &branches)?))
}
