use std::path::Path;

/// Inputs and outputs that a graph declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphSignature {
    /// What it is given, without what it holds itself.
    pub inputs: Vec<GraphPort>,
    /// What it gives.
    pub outputs: Vec<GraphPort>,
}

/// One input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphPort {
    /// Its name.
    pub name: String,
    /// Type of its elements, as in ONNX's `TensorProto.DataType`.
    pub element: i32,
    /// Its shape: `None` if the graph declares none, an inner `None` for a size that depends on the
    /// input.
    pub dims: Option<Vec<Option<u64>>>,
}

/// Reads the signature of the ONNX file at a path; the error is the mistake, in words.
pub type GraphReader<'a> = dyn Fn(&Path) -> Result<GraphSignature, String> + 'a;
