//! The labels of a model folder.

use pilotlight_build::signature;
use pilotlight_config::Function;
use pilotlight_model::{CONFIG_FILE, ModelConfig, ModelFolder, Task};
use pilotlight_onnx::Pieces;

use super::Known;
use crate::commands::model::choices;

pub(super) fn of_folder(function: &Function) -> Option<Known> {
    let folder = ModelFolder::detect(&function.source, &choices(function), &signature).ok()?;
    let task = folder.manifest().task;
    if task != Task::TokenClassification {
        return Some(Known::NoRedaction(task.to_string()));
    }
    let config = ModelConfig::parse(&folder.read(CONFIG_FILE).ok()?).ok()?;
    let names = config.labels(None).or_else(|| config.labels(Some(width(&folder)?)))?;
    let recognizers = folder.manifest().recognizers.as_ref();
    let recognized = recognizers.map(|recognizers| recognizers.found_labels()).unwrap_or_default();
    let labels =
        pilotlight_model::Labels::new(names).with_groups(recognized.into_iter().map(str::to_owned));
    Some(Known::Labels(labels.groups().clone()))
}

/// Number of labels per token in the graph's output, if the graph states it.
fn width(folder: &ModelFolder) -> Option<usize> {
    let manifest = folder.manifest();
    let file = folder.read_in_pieces(&manifest.onnx_file).ok()?.into_iter().collect::<Pieces>();
    let mut beside = |name: &str| folder.read_beside_graph(name).map_err(|error| error.to_string());
    let (mut model, _) = pilotlight_onnx::decode_with(file, &mut beside).ok()?;
    pilotlight_build::adapt(&mut model, manifest, None).ok()??.outputs.first()?.columns
}
