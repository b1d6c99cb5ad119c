use crate::Task;

/// Options of a user for a model folder; they override `model.toml`, which overrides what is
/// detected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Choices {
    /// Task of the model.
    pub task: Option<Task>,
    /// The graph, by its path in the folder.
    pub onnx_file: Option<String>,
    /// Name of the model.
    pub name: Option<String>,
}
