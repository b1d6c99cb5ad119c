//! Activations, spelt out.

use tract_core::internal::*;
use tract_core::ops::binary::BinMiniOp;
use tract_core::ops::logic::{self, Iff};
use tract_core::ops::math::{self, Add, Div, Max, Min, Mul, Sub};

use super::{Lower, Wiring};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Relu" => |w| {
            let (x, zero) = (w.input(0)?, w.float("zero", 0.0)?);
            let zero = w.cast(zero, w.dtype(x)?)?;
            Ok(tvec!(w.binary("out", Box::new(Max), [x, zero])?))
        },
        "Gelu" => |w| match w.node.string("approximate") {
            Some(b"tanh") => tanh_gelu(w),
            _ => gelu(w),
        },
        "Clip" => clip,
        "HardSigmoid" => |w| {
            let (x, slope) = (w.input(0)?, w.node.float_or("alpha", 0.2));
            let beta = w.node.float_or("beta", 0.5);
            Ok(tvec!(hard_sigmoid(w, x, [slope, beta])?))
        },
        "HardSwish" => |w| {
            let x = w.input(0)?;
            let gate = hard_sigmoid(w, x, [1.0 / 6.0, 0.5])?;
            Ok(tvec!(w.binary("out", Box::new(Mul), [x, gate])?))
        },
        "LeakyRelu" => |w| {
            let slope = w.float("slope", w.node.float_or("alpha", 0.01))?;
            below_zero(w, |w, x| w.binary("below", Box::new(Mul), [x, slope]))
        },
        "PRelu" => |w| {
            let slope = w.input(1)?;
            below_zero(w, |w, x| w.binary("below", Box::new(Mul), [x, slope]))
        },
        "Elu" => |w| {
            let (one, alpha) =
                (w.float("one", 1.0)?, w.float("alpha", w.node.float_or("alpha", 1.0))?);
            below_zero(w, |w, x| {
                let power = w.unary("power", math::exp(), x)?;
                let power = w.binary("less", Box::new(Sub), [power, one])?;
                w.binary("below", Box::new(Mul), [power, alpha])
            })
        },
        "Softplus" => |w| {
            let x = w.input(0)?;
            Ok(tvec!(softplus(w, x)?))
        },
        "Softsign" => |w| {
            let (x, one) = (w.input(0)?, w.float("one", 1.0)?);
            let size = w.unary("size", math::abs(), x)?;
            let size = w.binary("more", Box::new(Add), [size, one])?;
            Ok(tvec!(w.binary("out", Box::new(Div), [x, size])?))
        },
        "Mish" => |w| {
            let x = w.input(0)?;
            let gate = softplus(w, x)?;
            let gate = w.unary("gate", math::tanh(), gate)?;
            Ok(tvec!(w.binary("out", Box::new(Mul), [x, gate])?))
        },
        "Swish" => |w| swish(w, 1.0),
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Gelu" | "BiasGelu" => gelu,
        "FastGelu" => tanh_gelu,
        "QuickGelu" => |w| swish(w, 1.702),
        _ => return None,
    })
}

/// What the node's attribute `activation` names, if it has one, of `x`.
pub(super) fn named(w: &mut Wiring<'_>, x: OutletId) -> TractResult<OutletId> {
    let name = w.node.string("activation").unwrap_or_default().to_vec();
    let values = w.node.floats("activation_params").unwrap_or_default().to_vec();
    let parameter = |index: usize, default: f32| values.get(index).copied().unwrap_or(default);
    match &name[..] {
        b"" => Ok(x),
        b"Relu" => {
            let zero = w.float("zero", 0.0)?;
            w.binary("activated", Box::new(Max), [x, zero])
        }
        b"Sigmoid" => w.unary("activated", tract_core::ops::nn::sigmoid(), x),
        b"Tanh" => w.unary("activated", math::tanh(), x),
        b"LeakyRelu" => {
            let (zero, slope) = (w.float("zero", 0.0)?, w.float("slope", parameter(0, 0.01))?);
            let positive = w.binary("positive", Box::new(Max), [x, zero])?;
            let negative = w.binary("negative", Box::new(Min), [x, zero])?;
            let negative = w.binary("below", Box::new(Mul), [negative, slope])?;
            w.binary("activated", Box::new(Add), [positive, negative])
        }
        b"Clip" => {
            let (low, high) = (parameter(0, f32::MIN), parameter(1, f32::MAX));
            let (low, high) = (w.float("low", low)?, w.float("high", high)?);
            let x = w.binary("low", Box::new(Max), [x, low])?;
            w.binary("activated", Box::new(Min), [x, high])
        }
        b"HardSigmoid" => hard_sigmoid(w, x, [parameter(0, 0.2), parameter(1, 0.5)]),
        other => bail!("activation {} is not supported", String::from_utf8_lossy(other)),
    }
}

/// `x` from zero on, and below it what `below` makes of it.
fn below_zero(
    w: &mut Wiring<'_>,
    below: impl FnOnce(&mut Wiring<'_>, OutletId) -> TractResult<OutletId>,
) -> TractResult<TVec<OutletId>> {
    let (x, zero) = (w.input(0)?, w.float("zero", 0.0)?);
    let negative = w.binary("negative", logic::comp_lt(), [x, zero])?;
    let below = below(w, x)?;
    let below = w.cast(below, w.dtype(x)?)?;
    Ok(tvec!(w.wire("out", Iff, &[negative, below, x])?))
}

/// `min(1, max(0, slope · x + beta))`
fn hard_sigmoid(w: &mut Wiring<'_>, x: OutletId, [slope, beta]: [f32; 2]) -> TractResult<OutletId> {
    let (slope, beta) = (w.float("slope", slope)?, w.float("beta", beta)?);
    let (zero, one) = (w.float("zero", 0.0)?, w.float("one", 1.0)?);
    let line = w.binary("scaled", Box::new(Mul), [x, slope])?;
    let line = w.binary("line", Box::new(Add), [line, beta])?;
    let line = w.binary("low", Box::new(Max), [line, zero])?;
    w.binary("high", Box::new(Min), [line, one])
}

/// `max(x, 0) + ln(1 + exp(-|x|))`: `exp(x)` would overflow.
fn softplus(w: &mut Wiring<'_>, x: OutletId) -> TractResult<OutletId> {
    let (zero, one) = (w.float("zero", 0.0)?, w.float("one", 1.0)?);
    let size = w.unary("size", math::abs(), x)?;
    let size = w.unary("minus", math::neg(), size)?;
    let power = w.unary("power", math::exp(), size)?;
    let power = w.binary("more", Box::new(Add), [power, one])?;
    let rest = w.unary("rest", math::ln(), power)?;
    let positive = w.binary("positive", Box::new(Max), [x, zero])?;
    w.binary("softplus", Box::new(Add), [positive, rest])
}

/// `x · sigmoid(alpha · x)`
fn swish(w: &mut Wiring<'_>, default: f32) -> TractResult<TVec<OutletId>> {
    let (x, alpha) = (w.input(0)?, w.node.float_or("alpha", default));
    let mut gate = x;
    if alpha != 1.0 {
        let alpha = w.float("alpha", alpha)?;
        gate = w.binary("scaled", Box::new(Mul), [x, alpha])?;
    }
    gate = w.unary("gate", tract_core::ops::nn::sigmoid(), gate)?;
    Ok(tvec!(w.binary("out", Box::new(Mul), [x, gate])?))
}

fn clip(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let mut clipped = w.input(0)?;
    let dtype = w.dtype(clipped)?;
    let limits: [(&str, Box<dyn BinMiniOp>); 2] = [("min", Box::new(Max)), ("max", Box::new(Min))];
    for (index, (name, op)) in limits.into_iter().enumerate() {
        // Before operator set 11 limits were attributes.
        let limit = match w.optional(index + 1) {
            Some(limit) => limit,
            None if w.node.has(name) => w.float(name, w.node.float_or(name, 0.0))?,
            None => continue,
        };
        let limit = w.cast(limit, dtype)?;
        clipped = w.binary(name, op, [clipped, limit])?;
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
