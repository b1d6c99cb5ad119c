//! A graph that is called with tensors of its own.

use std::collections::BTreeMap;

use crate::engine::{Engine, Port};

/// A graph that reads tensors, and the shapes of those in its sample request.
pub struct TensorsModel {
    engine: Box<dyn Engine>,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl TensorsModel {
    /// Has the sample request have `shapes`, by the names of inputs; others are found by trial.
    ///
    /// # Errors
    /// The name or the shape that does not fit the graph, in words.
    pub fn new(
        engine: Box<dyn Engine>,
        shapes: BTreeMap<String, Vec<usize>>,
    ) -> Result<Self, String> {
        for (name, shape) in &shapes {
            let port = engine.inputs().iter().find(|port| port.name == *name);
            let port = port.ok_or_else(|| {
                let names: Vec<&str> = engine.inputs().iter().map(|port| &port.name[..]).collect();
                format!(
                    "sample: the graph has no input {name}; its inputs are {}",
                    names.join(", ")
                )
            })?;
            if !fits(shape, port) {
                let size = |size: &Option<usize>| size.map_or("?".to_owned(), |n| n.to_string());
                let sizes: Vec<String> = port.dims.iter().map(size).collect();
                let declared = sizes.join(", ");
                return Err(format!(
                    "sample: {name} has shape {shape:?}, in the graph [{declared}]"
                ));
            }
        }
        Ok(Self { engine, shapes })
    }

    /// What computes the graph.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The shape of an input in the sample request, where the manifest says it.
    pub fn sample_shape(&self, input: &str) -> Option<&[usize]> {
        self.shapes.get(input).map(Vec::as_slice)
    }
}

fn fits(shape: &[usize], port: &Port) -> bool {
    let mut sizes = shape.iter().zip(&port.dims);
    shape.len() == port.dims.len() && sizes.all(|(size, dim)| dim.is_none_or(|dim| dim == *size))
}
