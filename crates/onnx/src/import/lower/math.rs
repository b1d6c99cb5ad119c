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
        "Mod" => |w| binary(w, Box::new(Rem)),
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
        "Where" => select,
        "Abs" => |w| unary(w, math::abs()),
        "Ceil" => |w| unary(w, math::ceil()),
        "Erf" => |w| unary(w, math::erf()),
        "Exp" => |w| unary(w, math::exp()),
        "Floor" => |w| unary(w, math::floor()),
        "IsNaN" => |w| unary(w, math::is_nan()),
        "Log" => |w| unary(w, math::ln()),
        "Neg" => |w| unary(w, math::neg()),
        "Not" => |w| unary(w, logic::not()),
        "Reciprocal" => |w| unary(w, math::recip()),
        "Sign" => |w| unary(w, math::sign()),
        "Sqrt" => |w| unary(w, math::sqrt()),
        "Tanh" => |w| unary(w, math::tanh()),
        "Sigmoid" => |w| unary(w, tract_core::ops::nn::sigmoid()),
        "Relu" => relu,
        "Gelu" => |w| match w.node.string("approximate") {
            Some(b"tanh") => tanh_gelu(w),
            _ => gelu(w),
        },
        "Clip" => clip,
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Gelu" | "BiasGelu" => gelu,
        "FastGelu" => tanh_gelu,
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

fn relu(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let zero = w.float("zero", 0.0)?;
    let input = w.input(0)?;
    Ok(tvec!(w.binary("out", Box::new(Max), [input, zero])?))
}

fn clip(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let mut clipped = w.input(0)?;
    if let Some(low) = w.optional(1) {
        clipped = w.binary("low", Box::new(Max), [clipped, low])?;
    }
    if let Some(high) = w.optional(2) {
        clipped = w.binary("high", Box::new(Min), [clipped, high])?;
    }
    Ok(tvec!(clipped))
}

/// `x · ½ · (1 + erf(x / √2))` of the sum of the inputs (`BiasGelu` has two).
fn gelu(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let x = sum_of_inputs(w)?;
    let root = w.float("sqrt2", std::f32::consts::SQRT_2)?;
    let scaled = w.binary("scaled", Box::new(Div), [x, root])?;
    let erf = w.unary("erf", math::erf(), scaled)?;
    half_of_one_plus(w, x, erf)
}

/// `x · ½ · (1 + tanh(√(2/π) · (x + 0.044715·x³)))` of the sum of the inputs.
fn tanh_gelu(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let x = sum_of_inputs(w)?;
    let square = w.binary("square", Box::new(Mul), [x, x])?;
    let cube = w.binary("cube", Box::new(Mul), [square, x])?;
    let weight = w.float("weight", 0.044_715)?;
    let cube = w.binary("weighted", Box::new(Mul), [cube, weight])?;
    let inner = w.binary("inner", Box::new(Add), [x, cube])?;
    let scale = w.float("scale", (2.0 / std::f32::consts::PI).sqrt())?;
    let inner = w.binary("scaled", Box::new(Mul), [inner, scale])?;
    let tanh = w.unary("tanh", math::tanh(), inner)?;
    half_of_one_plus(w, x, tanh)
}

fn sum_of_inputs(w: &mut Wiring<'_>) -> TractResult<OutletId> {
    let x = w.input(0)?;
    match w.optional(1) {
        Some(bias) => w.binary("biased", Box::new(Add), [x, bias]),
        None => Ok(x),
    }
}

fn half_of_one_plus(
    w: &mut Wiring<'_>,
    x: OutletId,
    gate: OutletId,
) -> TractResult<TVec<OutletId>> {
    let one = w.float("one", 1.0)?;
    let half = w.float("half", 0.5)?;
    let gate = w.binary("gate", Box::new(Add), [gate, one])?;
    let product = w.binary("product", Box::new(Mul), [x, gate])?;
    Ok(tvec!(w.binary("out", Box::new(Mul), [product, half])?))
}
