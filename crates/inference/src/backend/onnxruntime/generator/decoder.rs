//! The decoder: which of its inputs is what, and one step after the other.

use ort::session::Session;
use ort::value::ValueType;

use crate::backend::onnxruntime::call::{self, Names, Value};
use crate::tensor::Element;

type Outcome<T> = Result<T, String>;

const LOGITS: &str = "logits";
const PAST: &str = "past_key_values";
const PRESENT: &str = "present";

/// What an input is filled with.
enum Role {
    /// The token of the step before.
    Token,
    /// The encoder's output.
    Encoded,
    /// The mask of the encoder's input.
    Mask,
    /// Whether there are steps before.
    HasPast,
    /// Keys or values, by their place among all of them.
    Past(usize),
}

/// Keys or values that steps hand on.
struct Past {
    /// Sizes before the first step: the length is 0.
    empty: Vec<u32>,
    /// Of the encoder's output: what the first step gives is read by all others.
    is_of_encoder: bool,
}

/// A decoder whose graph has the branches with and without a past merged.
pub(super) struct Decoder {
    session: Session,
    roles: Vec<Role>,
    past: Vec<Past>,
    inputs: Names,
    /// Logits, and keys and values in the order of `past`.
    first_outputs: Names,
    /// The same without those of the encoder.
    later_outputs: Names,
}

/// A call while it generates.
pub(super) struct Steps<'a> {
    decoder: &'a Decoder,
    encoded: &'a Value,
    mask: &'a Value,
    past: Vec<Value>,
    is_first: bool,
}

impl Decoder {
    /// Looks at the inputs and outputs of a decoder.
    pub(super) fn new(session: Session) -> Outcome<Self> {
        let (mut roles, mut past, mut presents) = (Vec::new(), Vec::new(), Vec::new());
        for input in session.inputs() {
            let name = input.name();
            roles.push(match name {
                "input_ids" => Role::Token,
                "encoder_hidden_states" => Role::Encoded,
                "encoder_attention_mask" => Role::Mask,
                "use_cache_branch" => Role::HasPast,
                _ => {
                    let rest = name.strip_prefix(PAST);
                    let rest = rest.ok_or_else(|| format!("the decoder reads {name}"))?;
                    let empty = sizes_before(input.dtype())
                        .ok_or_else(|| format!("{name} is not [batch, heads, length, width]"))?;
                    past.push(Past { empty, is_of_encoder: rest.contains(".encoder.") });
                    presents.push(format!("{PRESENT}{rest}"));
                    Role::Past(past.len() - 1)
                }
            });
        }
        let has = |name: &str| session.outputs().iter().any(|output| output.name() == name);
        let wanted = || std::iter::once(LOGITS).chain(presents.iter().map(String::as_str));
        if let Some(missing) = wanted().find(|name| !has(name)) {
            return Err(format!("the decoder has no output {missing}"));
        }
        let is_later = |(_, past): &(&String, &Past)| !past.is_of_encoder;
        let later = presents.iter().zip(&past).filter(is_later).map(|(name, _)| name.as_str());
        let later_outputs = Names::new(std::iter::once(LOGITS).chain(later))?;
        let first_outputs = Names::new(wanted())?;
        let inputs = Names::new(session.inputs().iter().map(|input| input.name()))?;
        Ok(Self { roles, past, inputs, first_outputs, later_outputs, session })
    }

    /// Begins to generate from what the encoder gave for an input with this mask.
    pub(super) fn begin<'a>(&'a self, encoded: &'a Value, mask: &'a Value) -> Outcome<Steps<'a>> {
        let empty = self.past.iter().map(|past| Value::of_f32(&past.empty, &[]));
        let past = empty.collect::<Outcome<_>>()?;
        Ok(Steps { decoder: self, encoded, mask, past, is_first: true })
    }
}

impl Steps<'_> {
    /// The token behind `token`.
    pub(super) fn next(&mut self, token: i64) -> Outcome<i64> {
        let Decoder { session, roles, inputs, first_outputs, later_outputs, .. } = self.decoder;
        let token = Value::of_i64(&[1, 1], &[token])?;
        let has_past = Value::of_bool(!self.is_first)?;
        let value = |role: &Role| match role {
            Role::Token => &token,
            Role::Encoded => self.encoded,
            Role::Mask => self.mask,
            Role::HasPast => &has_past,
            Role::Past(place) => &self.past[*place],
        };
        let values: Vec<&Value> = roles.iter().map(value).collect();
        let outputs = if self.is_first { first_outputs } else { later_outputs };
        let wanted = (0..outputs.len()).map(|_| None).collect();
        let results = call::run(session, (inputs, &values), (outputs, wanted))?;
        let mut results = results.into_iter();
        let logits = results.next().ok_or("the decoder gave nothing")?;
        for (past, kind) in self.past.iter_mut().zip(&self.decoder.past) {
            if self.is_first || !kind.is_of_encoder {
                *past = results.next().ok_or("the decoder gave too little")?;
            }
        }
        self.is_first = false;
        largest(&logits)
    }
}

/// The place of the largest logit, the first of equal ones.
fn largest(logits: &Value) -> Outcome<i64> {
    let described = logits.describe()?;
    let (element, shape) = (described.element, described.shape);
    if element != Element::F32 || !matches!(shape.sizes(), [1, 1, _]) {
        return Err(format!("logits came as {shape} of {element}, not as [1, 1, tokens] of f32"));
    }
    let bytes = logits.bytes(&described)?;
    let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let mut best = (0, f32::NEG_INFINITY);
    for (place, value) in values.enumerate() {
        if value > best.1 {
            best = (place as i64, value);
        }
    }
    Ok(best.0)
}

/// Sizes of keys or values before the first step, from `[batch, heads, length, width]`.
fn sizes_before(kind: &ValueType) -> Option<Vec<u32>> {
    let ValueType::Tensor { shape, .. } = kind else { return None };
    let [_, heads, _, width] = shape[..] else { return None };
    Some(vec![1, u32::try_from(heads).ok()?, 0, u32::try_from(width).ok()?])
}
