//! Graphs that tell voice activity, as Silero's do.

use super::outputs::shown;
use crate::{GraphPort, GraphSignature};

/// `f32` and `i64` of ONNX's `TensorProto.DataType`.
const F32: i32 = 1;
const I64: i32 = 7;
/// Samples of a frame and of its context.
const SAMPLES: u64 = 576;
/// Layers' hidden and cell states, and their width.
const STATE: (u64, u64) = (2, 128);

/// Whether a graph reads a frame, f32 `[1, 576]`, and a state, f32 `[2, 1, 128]`, and gives a probability,
/// `[1, 1]`, and the next state. Any size may stand for 1 and 576. A sample rate, i64, may be read, too.
///
/// # Errors
/// What is missing, and what there is, in words.
pub(super) fn check(signature: &GraphSignature) -> Result<(), String> {
    let GraphSignature { inputs, outputs } = signature;
    let others = inputs.iter().filter(|port| !is_frame(port) && !is_state(port));
    let fits = inputs.iter().filter(|port| is_frame(port)).count() == 1
        && inputs.iter().filter(|port| is_state(port)).count() == 1
        && others.clone().count() <= 1
        && others.clone().all(is_rate)
        && outputs.len() == 2
        && outputs.iter().any(is_probability);
    if fits {
        return Ok(());
    }
    Err(format!(
        "voice-activity-detection needs a graph with inputs [1, {SAMPLES}] and [{}, 1, {}] of f32, \
         and outputs [1, 1] and the next state; its inputs are {}, its outputs {}",
        STATE.0,
        STATE.1,
        shown(inputs),
        shown(outputs)
    ))
}

fn sizes(port: &GraphPort) -> Option<&[Option<u64>]> {
    port.dims.as_deref()
}

/// Whether a size is `expected`, or any.
fn can_be(size: Option<u64>, expected: u64) -> bool {
    size.is_none_or(|size| size == expected)
}

fn is_frame(port: &GraphPort) -> bool {
    let fits = |sizes: &[Option<u64>]| matches!(sizes, [rows, samples] if can_be(*rows, 1) && can_be(*samples, SAMPLES));
    port.element == F32 && sizes(port).is_some_and(fits)
}

fn is_state(port: &GraphPort) -> bool {
    let fits = |sizes: &[Option<u64>]| {
        let [parts, rows, width] = sizes else { return false };
        *parts == Some(STATE.0) && can_be(*rows, 1) && *width == Some(STATE.1)
    };
    port.element == F32 && sizes(port).is_some_and(fits)
}

fn is_rate(port: &GraphPort) -> bool {
    let is_one = |sizes: &[Option<u64>]| sizes.iter().all(|size| *size == Some(1));
    port.element == I64 && sizes(port).is_some_and(is_one)
}

fn is_probability(port: &GraphPort) -> bool {
    let fits =
        |sizes: &[Option<u64>]| matches!(sizes, [rows, one] if can_be(*rows, 1) && can_be(*one, 1));
    port.element == F32 && sizes(port).is_none_or(fits)
}
