//! The model of a command: its location and the options for it.

use std::path::{Path, PathBuf};

use clap::Args;
use pilotlight::{Choices, signature};
use pilotlight_config::Function;
use pilotlight_model::{ModelFolder, Task};

use crate::hub;

/// Options for a model folder that its files do not determine.
#[derive(Args, Clone)]
pub(crate) struct ModelChoices {
    /// Task of the model in a folder [default: that of `model.toml`, or detected from the other
    /// files]
    #[arg(long, value_name = "TASK", value_parser = parse_task)]
    pub(crate) task: Option<Task>,
    /// Graph of a model folder with several graphs, by its path in the folder [default: the graph
    /// that serves best; the log names it]
    #[arg(long, value_name = "FILE")]
    pub(crate) onnx_file: Option<String>,
    /// Name of the model in a folder, for example in paths such as /v2/models/NAME; lower-case letters,
    /// digits, `-` and `.` [default: that of `model.toml`, or that of the folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) model_name: Option<String>,
}

impl ModelChoices {
    pub(crate) fn choices(&self) -> Choices {
        Choices {
            task: self.task,
            onnx_file: self.onnx_file.clone(),
            name: self.model_name.clone(),
        }
    }
}

/// The options of a function in a configuration.
pub(crate) fn choices(function: &Function) -> Choices {
    Choices {
        task: function.task,
        onnx_file: function.onnx_file.clone(),
        name: function.model_name.clone(),
    }
}

fn parse_task(name: &str) -> Result<Task, String> {
    name.parse()
}

/// The folder or file that `source` names; a model on Hugging Face's Hub is fetched into the cache
/// folder first. Blocks.
pub(crate) fn folder(
    source: &Path,
    choices: &ModelChoices,
    cache_dir: Option<PathBuf>,
) -> anyhow::Result<PathBuf> {
    let Some(model) = source.to_str().and_then(|source| source.strip_prefix("hf:")) else {
        return Ok(source.to_owned());
    };
    // Somebody may have such a folder.
    if source.exists() {
        return Ok(source.to_owned());
    }
    hub::fetch(model, &choices.choices(), cache_dir)
}

/// The model in a folder; what is detected is printed on standard error.
pub(crate) fn detect(folder: &Path, choices: &ModelChoices) -> anyhow::Result<ModelFolder> {
    let folder = ModelFolder::detect(folder, &choices.choices(), &signature)?;
    folder.findings().iter().for_each(|finding| eprintln!("{finding}"));
    Ok(folder)
}
