//! Whether the labels that `[deidentify]` sections name are labels of the models, as far as that is
//! known without loading them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pilotlight::{BundleManifest, Choices, signature};
use pilotlight_config::{Config, Diagnostic, Function, Parsed, Sources};
use pilotlight_deidentify::Unfit;
use pilotlight_model::{CONFIG_FILE, ModelConfig, ModelFolder, Task};
use pilotlight_onnx::Pieces;
use pilotlight_router::Route;

use crate::model::choices;

/// What is known about a function before it is loaded.
enum Known {
    /// It cannot be read here, or does not say its labels before it is loaded.
    Nothing,
    /// It is a component without a manifest.
    NoManifest,
    /// It has this task, and finds no entities.
    NoRedaction(String),
    Labels(BTreeSet<String>),
}

/// Errors of `[deidentify]` sections in every environment of a configuration that has no other
/// errors, or in the environment that `sources` names.
pub(crate) fn mistakes(text: &str, sources: &Sources) -> Vec<Diagnostic> {
    let mut known = BTreeMap::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    for environment in environments(text, sources) {
        let sources = Sources { environment, ..sources.clone() };
        let Ok(parsed) = pilotlight_config::parse(text, &sources) else { continue };
        let mistakes = in_one(&parsed, &mut known);
        let new = mistakes.into_iter().filter(|mistake| !found.contains(mistake));
        let new: Vec<_> = new.collect();
        found.extend(new);
    }
    found
}

/// The environments to look at.
pub(crate) fn environments(text: &str, sources: &Sources) -> Vec<Option<String>> {
    if sources.environment.is_some() {
        return vec![sources.environment.clone()];
    }
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let names = table.get("env").and_then(toml::Value::as_table).into_iter().flatten();
    std::iter::once(None).chain(names.map(|(name, _)| Some(name.clone()))).collect()
}

fn in_one(parsed: &Parsed, known: &mut BTreeMap<std::path::PathBuf, Known>) -> Vec<Diagnostic> {
    let Parsed { config, source_map } = parsed;
    let mut found = Vec::new();
    let routes = config.routes.iter().enumerate();
    for (index, route, name) in
        routes.filter_map(|(index, route)| Some((index, route, route.deidentify.as_ref()?)))
    {
        let Some(options) = config.deidentify.get(name) else { continue };
        for (function, source) in functions(route, config) {
            let labels = known.entry(source.source.clone()).or_insert_with(|| read(source));
            let unfit = match labels {
                Known::Nothing => continue,
                Known::NoManifest => options.check_labels(None),
                Known::NoRedaction(task) => Err(Unfit::NoRedaction { task: task.clone() }),
                Known::Labels(labels) => options.check_labels(Some(labels)),
            };
            let Err(unfit) = unfit else { continue };
            let key = match unfit {
                Unfit::Label { .. } | Unfit::NoRedaction { .. } => {
                    format!("routes[{index}].deidentify")
                }
                _ => format!("deidentify.{name}.labels"),
            };
            found.push(source_map.diagnostic(&key, format!("for function `{function}`: {unfit}")));
        }
    }
    found
}

/// The functions whose answers a route returns.
fn functions<'a>(
    route: &'a Route,
    config: &'a Config,
) -> impl Iterator<Item = (&'a str, &'a Function)> {
    let canary = route.canary.iter().map(|canary| &canary.target);
    let targets = route.to.iter().map(|weighted| &weighted.target).chain(canary);
    let names: BTreeSet<&str> = targets.map(|target| &target.function[..]).collect();
    names.into_iter().filter_map(|name| Some((name, config.functions.get(name)?)))
}

fn read(function: &Function) -> Known {
    let source = &function.source;
    let choices = choices(function);
    let known = if source.is_dir() { of_folder(source, &choices) } else { of_component(source) };
    known.unwrap_or(Known::Nothing)
}

fn of_folder(folder: &Path, choices: &Choices) -> Option<Known> {
    let folder = ModelFolder::detect(folder, choices, &signature).ok()?;
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
    pilotlight::adapt(&mut model, manifest, None).ok()??.outputs.first()?.columns
}

fn of_component(file: &Path) -> Option<Known> {
    let manifest = BundleManifest::of(&std::fs::read(file).ok()?).ok()?;
    let Some(manifest) = manifest else { return Some(Known::NoManifest) };
    if manifest.redacts() == Some(false) {
        return Some(Known::NoRedaction(manifest.task));
    }
    let labels = manifest.labels();
    Some(labels.map_or(Known::NoManifest, |labels| Known::Labels(labels.groups().clone())))
}
