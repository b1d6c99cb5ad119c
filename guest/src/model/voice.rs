//! Graphs that tell from a frame of audio, and what they have kept of the frames before, how likely it is
//! that somebody speaks.

use pilotlight_audio::{INPUT, RATE};

use super::Usage;
use crate::api::ApiError;
use crate::engine::{Element, Engine, Port, Tensor};

/// Elements of a state: hidden and cell state, 128 each.
const STATE: usize = 2 * 128;

/// A graph that tells voice activity.
pub struct VoiceModel {
    engine: Box<dyn Engine>,
    inputs: Vec<Input>,
    probability: usize,
    next_state: usize,
}

/// What an input of the graph is filled with, and its shape.
struct Input {
    role: Role,
    shape: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// f32 `[1, 576]`: a frame behind the end of the one before.
    Frame,
    /// f32 of 256 elements.
    State,
    /// i64: the sample rate.
    Rate,
}

/// What the graph has kept of the frames of a session: f32 of 256 elements, zero before the first.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceState(Vec<u8>);

impl Default for VoiceState {
    fn default() -> Self {
        Self(vec![0; STATE * Element::F32.bytes()])
    }
}

impl VoiceModel {
    /// A model of a graph with one row.
    ///
    /// # Errors
    /// What is wrong with its inputs or outputs.
    pub fn new(engine: Box<dyn Engine>) -> Result<Self, String> {
        let inputs: Vec<Input> = engine.inputs().iter().map(input).collect::<Result<_, _>>()?;
        let count = |role| inputs.iter().filter(|input| input.role == role).count();
        if (count(Role::Frame), count(Role::State)) != (1, 1) {
            return Err(format!("it has to read one frame of {INPUT} samples and one state"));
        }
        // The other output is the probability, also where its shape is not declared.
        let is_state = |port: &Port| port.dims.len() == 3 || volume(&port.dims) == Some(STATE);
        let outputs = engine.outputs();
        let next_state = outputs.iter().position(is_state);
        let probability = outputs.iter().position(|port| !is_state(port));
        let (Some(next_state), Some(probability), 2) = (next_state, probability, outputs.len())
        else {
            return Err("its outputs have to be a probability and the next state".to_owned());
        };
        Ok(Self { engine, inputs, probability, next_state })
    }

    /// What computes it.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The probability of speech in a frame, [`INPUT`] samples. `state` becomes that of the next one.
    ///
    /// # Errors
    /// [`ApiError`] for what the engine says.
    pub fn probability(
        &self,
        frame: &[f32],
        state: &mut VoiceState,
        usage: &mut Usage,
    ) -> Result<f32, ApiError> {
        let tensor = |input: &Input| {
            let shape = input.shape.clone();
            match input.role {
                Role::Frame => Tensor::of_f32(shape, std::iter::once(frame)),
                Role::State => Tensor { element: Element::F32, shape, bytes: state.0.clone() },
                Role::Rate => Tensor::of_i64(shape, std::iter::once(i64::from(RATE))),
            }
        };
        let tensors = self.inputs.iter().map(tensor).collect();
        let mut outputs = usage.infer(|| self.engine.run(tensors))?;
        let wrong = |what: &str| ApiError::Internal(format!("the graph gives no {what}"));
        let probability = outputs.get(self.probability).and_then(|(_, tensor)| tensor.f32s());
        let [probability] = probability.as_deref().unwrap_or_default() else {
            return Err(wrong("probability"));
        };
        let next = outputs.get_mut(self.next_state).map(|(_, tensor)| tensor);
        let next = next.filter(|tensor| tensor.bytes.len() == state.0.len());
        let next = next.ok_or_else(|| wrong("state of 256 elements"))?;
        state.0 = std::mem::take(&mut next.bytes);
        Ok(*probability)
    }
}

/// Elements of a tensor of one row.
fn volume(dims: &[Option<usize>]) -> Option<usize> {
    let sizes: Vec<usize> = dims.iter().map(|dim| dim.unwrap_or(1)).collect();
    Tensor::volume(&sizes)
}

fn input(port: &Port) -> Result<Input, String> {
    let one_row = || port.dims.iter().map(|dim| dim.unwrap_or(1)).collect();
    let (role, shape) = match (port.element, port.dims.len()) {
        (Element::F32, 2) if port.dims[1].is_none_or(|samples| samples == INPUT) => {
            (Role::Frame, vec![1, INPUT])
        }
        (Element::F32, 3) if volume(&port.dims) == Some(STATE) => (Role::State, one_row()),
        (Element::I64, _) if volume(&port.dims) == Some(1) => (Role::Rate, one_row()),
        _ => {
            let Port { name, element, dims } = port;
            let element = element.name();
            return Err(format!(
                "input {name}, {element} {dims:?}, is neither a frame nor a state"
            ));
        }
    };
    Ok(Input { role, shape })
}
