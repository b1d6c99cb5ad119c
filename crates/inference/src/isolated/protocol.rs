//! What the two processes say to each other.
//!
//! On the control socket the parent says what to do: start, open a channel, forget a graph. On each
//! channel one call after the other is asked and answered; its tensors lie in the channel's memory,
//! which belongs to the side that has to speak next. Neither side believes what the other says of
//! lengths: they follow from types and shapes, and are held against the memory there is.

use serde::{Deserialize, Serialize};

use crate::backend::{Batching, EngineKind};
use crate::buffer::Buffers;
use crate::isolated::engine::Wanted;
use crate::isolated::memory::Region;
use crate::isolated::socket::Broken;
use crate::signature::{Dimension, Port, Signature};
use crate::tensor::{Element, Shape, Tensor};

/// Tensors begin at multiples of so many bytes.
const ALIGNMENT: usize = 64;
/// Bytes of outputs that are made room for.
pub(super) const MOST_OUTPUT: u64 = 1 << 30;
/// Characters of a reason that are passed on.
const LONGEST_REASON: usize = 1000;

/// On the control socket, to the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// The first: what to compute with. Answered by [`Started`].
    Start(Wanted),
    /// Another channel; its end comes along.
    Channel,
    /// A graph that nobody will ask for again.
    Unload { graph: u64 },
}

/// On the control socket, to the parent, once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Started {
    Ready,
    /// The engine is not to be had.
    Refused(String),
}

/// On a channel, to the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Load the file that comes along, as `graph`.
    Load { graph: u64, name: String, precision: String, engine: Option<EngineKind> },
    /// Compute; the inputs lie in the channel's memory, which comes along where it is another.
    Run { graph: u64, inputs: Vec<Described> },
    /// More memory, which comes along, after [`Reply::Room`].
    Room,
}

/// On a channel, to the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Loaded {
        signature: Ports,
        /// What computes it.
        engine: String,
        batching: Batching,
        /// Why rows are not known to be independent, if they are not.
        mixes_rows: Option<String>,
    },
    /// Computed; the outputs lie in the channel's memory.
    Outputs(Vec<Described>),
    /// Computed; the outputs need a memory of so many bytes.
    Room(u64),
    /// What the engine said.
    Failed(String),
}

impl Reply {
    pub(super) fn failed(reason: &str) -> Self {
        Self::Failed(shorten(reason))
    }
}

/// A reason as it is passed on.
pub(super) fn shorten(reason: &str) -> String {
    reason.chars().take(LONGEST_REASON).collect()
}

/// What a tensor is; its bytes lie in a channel's memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) element: Element,
    pub(super) sizes: Vec<u32>,
}

/// Inputs and outputs of a graph. [`Signature`] is written for people, and cannot be read back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ports {
    inputs: Vec<WirePort>,
    outputs: Vec<WirePort>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WirePort {
    name: String,
    element: Element,
    dimensions: Option<Vec<WireDimension>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum WireDimension {
    Fixed(u32),
    Named(String),
    Any,
}

impl From<&Signature> for Ports {
    fn from(signature: &Signature) -> Self {
        let dimension = |dimension: &Dimension| match dimension {
            Dimension::Fixed(size) => WireDimension::Fixed(*size),
            Dimension::Named(name) => WireDimension::Named(name.clone()),
            Dimension::Any => WireDimension::Any,
        };
        let port = |port: &Port| WirePort {
            name: port.name.clone(),
            element: port.element,
            dimensions: port.dimensions.as_ref().map(|all| all.iter().map(dimension).collect()),
        };
        Self {
            inputs: signature.inputs.iter().map(port).collect(),
            outputs: signature.outputs.iter().map(port).collect(),
        }
    }
}

impl From<Ports> for Signature {
    fn from(ports: Ports) -> Self {
        let dimension = |dimension| match dimension {
            WireDimension::Fixed(size) => Dimension::Fixed(size),
            WireDimension::Named(name) => Dimension::Named(name),
            WireDimension::Any => Dimension::Any,
        };
        let port = |port: WirePort| Port {
            name: port.name,
            element: port.element,
            dimensions: port.dimensions.map(|all| all.into_iter().map(dimension).collect()),
        };
        Self {
            inputs: ports.inputs.into_iter().map(port).collect(),
            outputs: ports.outputs.into_iter().map(port).collect(),
        }
    }
}

/// Bytes that `tensors` take in a channel's memory.
pub(super) fn room(tensors: &[Tensor]) -> usize {
    tensors.iter().map(|tensor| tensor.bytes().len().next_multiple_of(ALIGNMENT)).sum()
}

/// Copies `tensors` into a channel's memory, and says what they are.
pub(super) fn write(tensors: &[Tensor], region: Option<&Region>) -> Result<Vec<Described>, Broken> {
    let mut offset = 0;
    let mut described = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let region = region.ok_or_else(no_memory)?;
        region.write(offset, tensor.bytes())?;
        offset += tensor.bytes().len().next_multiple_of(ALIGNMENT);
        let sizes = tensor.shape().sizes().to_vec();
        described.push(Described { element: tensor.element(), sizes });
    }
    Ok(described)
}

/// Copies tensors out of a channel's memory; they are to have the types of `ports`.
pub(super) fn read(
    described: &[Described],
    ports: &[Port],
    region: Option<&Region>,
    buffers: &Buffers,
) -> Result<Vec<Tensor>, Broken> {
    let refuse = |what: String| Broken::Garbled(what);
    if described.len() != ports.len() {
        return Err(refuse(format!("{} tensors of {}", described.len(), ports.len())));
    }
    let mut offset = 0;
    let mut tensors = Vec::with_capacity(ports.len());
    for (Described { element, sizes }, port) in described.iter().zip(ports) {
        if *element != port.element {
            return Err(refuse(format!("{element} for {port}")));
        }
        let shape = Shape::new(sizes).map_err(|error| refuse(error.to_string()))?;
        let length = shape.volume() * element.size();
        let region = region.ok_or_else(no_memory)?;
        // Before memory of ours is taken for it.
        let end = length.checked_next_multiple_of(ALIGNMENT).and_then(|l| l.checked_add(offset));
        let end = end.filter(|end| *end <= region.len());
        let end = end.ok_or_else(|| refuse(format!("a tensor of {shape} where none fits")))?;
        let mut bytes = buffers.zeroed(length);
        region.read(offset, bytes.bytes_mut())?;
        let tensor = Tensor::from_buffer(*element, shape, bytes.freeze());
        tensors.push(tensor.map_err(|error| refuse(error.to_string()))?);
        offset = end;
    }
    Ok(tensors)
}

fn no_memory() -> Broken {
    Broken::Garbled("tensors, and no memory that they could lie in".to_owned())
}
