use crate::Task;

/// What a user says of a model folder; it overrides `model.toml`, which overrides what is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Choices {
    /// What the model does.
    pub task: Option<Task>,
    /// The graph, by its path in the folder.
    pub onnx_file: Option<String>,
}
