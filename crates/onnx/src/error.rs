/// Errors of ONNX files. Each message names the node or the tensor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file is not a protobuf message, or truncated.
    #[error("not an ONNX file, or cut short: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// No graph, no output, an undefined or doubly defined value, a missing attribute …
    #[error("{0}")]
    Graph(String),
    /// Weights outside the file.
    #[error("tensor {0} keeps its data in another file; external data is refused")]
    ExternalData(String),
    /// The file that a tensor keeps its data in cannot be used.
    #[error("tensor {tensor} keeps its data in another file, {file:?}: {reason}")]
    External {
        /// The tensor.
        tensor: String,
        /// The file, as the model names it.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data of a tensor is not what its type and shape say.
    #[error("tensor {name}: {reason}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// An operator that is not known.
    #[error(
        "node {node}: operator {operator} is not supported; compute it on the host with \
         --compute host"
    )]
    Operator {
        /// The node.
        node: String,
        /// The operator, with its domain unless it is ONNX's own.
        operator: String,
    },
    /// A known operator with inputs or attributes that do not fit.
    #[error("node {node} ({operator}): {reason}")]
    Node {
        /// The node.
        node: String,
        /// The operator.
        operator: String,
        /// What does not fit.
        reason: String,
    },
    /// tract could not optimize the graph.
    #[error("cannot be optimized: {0}")]
    Optimize(String),
}
