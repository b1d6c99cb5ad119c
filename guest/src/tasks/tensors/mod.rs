//! The graph's own inputs and outputs, in the types of the Open Inference Protocol, version 2.
//! Used by `dialects` through `tasks`. Does not know tokenizers.

mod json;
mod request;

pub use json::{Flat, Number, Numbers};
pub use request::{Computed, Input, Request, Response, Wanted, answer};

use crate::api::ApiError;
use crate::engine::{Element, Engine, EngineError, NamedTensor, Port, Tensor};
use crate::model::Usage;

/// Most elements of all inputs.
const MOST_ELEMENTS: usize = 1 << 26;

/// A tensor of a request.
#[derive(Debug)]
pub struct Sent<'a> {
    /// The input's name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The type of its elements, such as `FP32`.
    pub datatype: String,
    /// Its elements, row-major.
    pub data: Data<'a>,
}

/// The elements of a tensor of a request.
#[derive(Debug)]
pub enum Data<'a> {
    /// Out of JSON.
    Json(Flat),
    /// Little-endian, without gaps.
    Binary(&'a [u8]),
}

/// All outputs of the graph.
///
/// # Errors
/// [`ApiError::Invalid`] for inputs that the graph does not take, and what the engine says.
pub fn compute(
    engine: &dyn Engine,
    inputs: &[Sent<'_>],
    usage: &mut Usage,
) -> Result<Vec<NamedTensor>, ApiError> {
    let known = names(engine.inputs());
    check_names("input", inputs.iter().map(|input| &input.name[..]), &known)?;
    let mut room = MOST_ELEMENTS;
    let tensors = engine.inputs().iter().map(|port| {
        let input = inputs.iter().find(|input| input.name == port.name);
        input.ok_or_else(|| missing(&port.name, &known))?.tensor(port, &mut room)
    });
    let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
    usage.infer(|| engine.run(tensors)).map_err(|error| match error {
        // What fits no declaration can still fail within: a shape that the graph cannot take.
        EngineError::Failed(reason) => ApiError::Invalid(format!("inference failed: {reason}")),
        error => ApiError::from(error),
    })
}

/// Names of inputs or outputs.
pub fn names(ports: &[Port]) -> Vec<&str> {
    ports.iter().map(|port| &port.name[..]).collect()
}

/// Refuses names of a request that are not `known`, and names that come twice; `what` they name:
/// `input` or `output`.
///
/// # Errors
/// [`ApiError::Invalid`] with the names that there are.
pub fn check_names<'a>(
    what: &str,
    sent: impl Iterator<Item = &'a str>,
    known: &[&str],
) -> Result<(), ApiError> {
    let mut seen: Vec<&str> = Vec::new();
    for name in sent {
        let fault = match seen.contains(&name) {
            true => "is given twice",
            false if !known.contains(&name) => "is not one of the model's",
            false => {
                seen.push(name);
                continue;
            }
        };
        let known = known.join(", ");
        return Err(ApiError::Invalid(format!("{what} {name} {fault}; the {what}s are {known}")));
    }
    Ok(())
}

/// An input that has to be sent was not.
pub fn missing(name: &str, known: &[&str]) -> ApiError {
    ApiError::Invalid(format!("input {name} is missing; the inputs are {}", known.join(", ")))
}

impl Sent<'_> {
    /// An error that names the input.
    pub fn refuse(&self, reason: impl std::fmt::Display) -> ApiError {
        ApiError::Invalid(format!("input {} {reason}", self.name))
    }

    /// How many elements its shape asks for, if its type and shape are those that the model takes.
    ///
    /// # Errors
    /// [`ApiError::Invalid`].
    pub fn volume(&self, datatype: &str, dims: &[Option<usize>]) -> Result<usize, ApiError> {
        let shape = &self.shape;
        if self.datatype != datatype {
            let sent = &self.datatype;
            return Err(self.refuse(format!("is of {sent}; the model takes {datatype}")));
        }
        let fits = shape.len() == dims.len()
            && shape.iter().zip(dims).all(|(size, dim)| dim.is_none_or(|dim| dim == *size));
        if !fits {
            let dims = dims.iter().map(|dim| dim.map_or("any".into(), |dim| dim.to_string()));
            let dims = dims.collect::<Vec<String>>().join(", ");
            return Err(self.refuse(format!("has shape {shape:?}; the model takes [{dims}]")));
        }
        Tensor::volume(shape).ok_or_else(|| self.refuse(TOO_MANY))
    }

    /// The tensor, if it is what `port` takes; `room` is left for the elements of the others.
    fn tensor(&self, port: &Port, room: &mut usize) -> Result<Tensor, ApiError> {
        let element = port.element;
        let volume = self.volume(element.name(), &port.dims)?;
        *room = room.checked_sub(volume).ok_or_else(|| self.refuse(TOO_MANY))?;
        let bytes = match &self.data {
            Data::Json(data) => {
                let count = data.numbers.len() + data.strings.len();
                if count != volume {
                    return Err(
                        self.refuse(format!("has {count} elements, but its shape has {volume}"))
                    );
                }
                data.bytes(element).map_err(|reason| self.refuse(reason))?
            }
            Data::Binary(bytes) => {
                let (count, expected) = (bytes.len(), volume * element.bytes());
                if count != expected {
                    return Err(
                        self.refuse(format!("has {count} bytes, but its shape has {expected}"))
                    );
                }
                if element == Element::Bool && bytes.iter().any(|byte| *byte > 1) {
                    return Err(self.refuse("has a byte that is neither 0 nor 1"));
                }
                bytes.to_vec()
            }
        };
        Ok(Tensor { element, shape: self.shape.clone(), bytes })
    }
}

const TOO_MANY: &str = "has too many elements";
