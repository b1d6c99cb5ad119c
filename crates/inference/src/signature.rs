//! What goes into a graph and what comes out, and whether given tensors fit.

use std::fmt;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::tensor::{Element, Tensor};

/// The most inputs that a caller may name.
pub const MOST_INPUTS: usize = 64;

/// Inputs and outputs of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// The inputs, in the graph's order.
    pub inputs: Vec<Port>,
    /// The outputs, in the graph's order.
    pub outputs: Vec<Port>,
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The name.
    pub name: String,
    /// Type of its elements.
    pub element: Element,
    /// Its dimensions; `None` where the graph does not say how many.
    pub dimensions: Option<Vec<Dimension>>,
}

/// One dimension of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Dimension {
    /// It has to be this.
    Fixed(u32),
    /// Any size, the same wherever the name is.
    Named(String),
    /// Any size.
    Any,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.element)?;
        let Some(dimensions) = &self.dimensions else { return Ok(()) };
        f.write_str(" [")?;
        for (index, dimension) in dimensions.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            match dimension {
                Dimension::Fixed(size) => write!(f, "{separator}{size}")?,
                Dimension::Named(name) => write!(f, "{separator}{name}")?,
                Dimension::Any => write!(f, "{separator}?")?,
            }
        }
        f.write_str("]")
    }
}

impl Port {
    fn check(&self, tensor: &Tensor) -> Result<()> {
        let refuse = |what: String| {
            Err(Error::InvalidInput(format!(
                "input {} is {what}; the graph takes {self}",
                self.name
            )))
        };
        if tensor.element() != self.element {
            return refuse(format!("of {}", tensor.element()));
        }
        let Some(dimensions) = &self.dimensions else { return Ok(()) };
        let shape = tensor.shape();
        let fits = |(dimension, size): (&Dimension, &u32)| match dimension {
            Dimension::Fixed(fixed) => fixed == size,
            Dimension::Named(_) | Dimension::Any => true,
        };
        let sizes = shape.sizes();
        if sizes.len() != dimensions.len() || !dimensions.iter().zip(sizes).all(fits) {
            return refuse(format!("of shape {shape}"));
        }
        Ok(())
    }

    /// Whether the first dimension can be any size: rows can be put together.
    fn stacks(&self) -> bool {
        let first = self.dimensions.as_deref().and_then(<[Dimension]>::first);
        matches!(first, Some(Dimension::Named(_) | Dimension::Any))
    }
}

impl Signature {
    /// Puts `named` tensors into the graph's order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the input that is unknown, missing, given twice, or of
    /// another type or shape than the graph takes.
    pub fn arrange(&self, named: Vec<(String, Tensor)>) -> Result<Vec<Tensor>> {
        if named.len() > MOST_INPUTS.min(self.inputs.len()) {
            let (given, takes) = (named.len(), self.inputs.len());
            return Err(Error::InvalidInput(format!("{given} inputs; the graph takes {takes}")));
        }
        let mut arranged: Vec<Option<Tensor>> = vec![None; self.inputs.len()];
        for (name, tensor) in named {
            let Some(index) = self.inputs.iter().position(|port| port.name == name) else {
                let known: Vec<&str> = self.inputs.iter().map(|port| &port.name[..]).collect();
                let (name, known) = (shorten(&name), known.join(", "));
                return Err(Error::InvalidInput(format!("input {name:?} is not one of {known}")));
            };
            self.inputs[index].check(&tensor)?;
            if arranged[index].replace(tensor).is_some() {
                return Err(Error::InvalidInput(format!("input {name} is given twice")));
            }
        }
        let missing = arranged.iter().position(Option::is_none);
        if let Some(port) = missing.and_then(|index| self.inputs.get(index)) {
            return Err(Error::InvalidInput(format!("input {port} is missing")));
        }
        let arranged: Vec<Tensor> = arranged.into_iter().flatten().collect();
        self.check_names(&arranged)?;
        Ok(arranged)
    }

    /// Whether the rows of several calls can be put together, by the shapes alone.
    pub fn stacks(&self) -> bool {
        !self.inputs.is_empty() && self.inputs.iter().chain(&self.outputs).all(Port::stacks)
    }

    /// Sizes of the dimensions of `port`, where they follow from those of the inputs.
    pub fn resolve(&self, port: &Port, inputs: &[Tensor]) -> Option<Vec<u32>> {
        let resolve = |dimension: &Dimension| match dimension {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Named(name) => {
                self.sizes(inputs).find(|(n, _)| *n == name).map(|(_, size)| size)
            }
            Dimension::Any => None,
        };
        port.dimensions.as_ref()?.iter().map(resolve).collect()
    }

    /// The sizes that the inputs give to named dimensions.
    fn sizes<'a>(&'a self, inputs: &'a [Tensor]) -> impl Iterator<Item = (&'a String, u32)> {
        self.inputs.iter().zip(inputs).flat_map(|(port, tensor)| {
            let dimensions = port.dimensions.iter().flatten();
            let shape = tensor.shape();
            dimensions.enumerate().filter_map(move |(index, dimension)| match dimension {
                Dimension::Named(name) => Some((name, *shape.sizes().get(index)?)),
                Dimension::Fixed(_) | Dimension::Any => None,
            })
        })
    }

    /// Refuses a name that stands for two sizes.
    fn check_names(&self, inputs: &[Tensor]) -> Result<()> {
        for (name, size) in self.sizes(inputs) {
            let other = self.sizes(inputs).find(|(n, s)| *n == name && *s != size);
            if let Some((_, other)) = other {
                let message = format!("{name} is {other} in one input and {size} in another");
                return Err(Error::InvalidInput(message));
            }
        }
        Ok(())
    }
}

/// A name as it may stand in an error.
fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}
