//! Model folders as they are resolved, kept in the cache: what is not in `model.toml` is detected once
//! for the files as they are.

use std::path::Path;

use pilotlight_model::{Choices, ModelFolder};
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::component_file::VERSION;
use crate::error::Result;
use crate::signature::signature;

/// Counts the rules of detection: what was found by others is not used.
const RULES: u32 = 1;

/// What the cache keeps of a model folder.
#[derive(Serialize, Deserialize)]
struct Resolution {
    manifest: String,
    findings: Vec<String>,
}

/// Opens a model folder, whose files have been found to be those of its manifest, now or at an earlier
/// start.
pub(crate) fn resolved(folder: &Path, choices: &Choices, cache: &Cache) -> Result<ModelFolder> {
    let detect = || -> Result<ModelFolder> {
        let folder = ModelFolder::detect(folder, choices, &signature)?;
        folder.verify()?;
        Ok(folder)
    };
    let sources = ModelFolder::sources(folder, choices);
    let purpose = format!("model {VERSION} {RULES} {choices:?}");
    let mut detected = None;
    let digest = cache.digest_for(&purpose, &sources, || {
        let folder = detected.insert(detect()?);
        Ok(folder.digest())
    })?;
    let name = format!("{digest}.model");
    if let Some(resolution) = recall(&name, cache).filter(|_| detected.is_none()) {
        let Resolution { manifest, findings } = resolution;
        let folder = ModelFolder::with_manifest(folder, &manifest)?;
        return Ok(folder.with_findings(findings));
    }
    let folder = detected.map_or_else(detect, Ok)?;
    let (manifest, findings) = (folder.manifest_text().to_owned(), folder.findings().to_vec());
    let resolution = serde_json::to_vec(&Resolution { manifest, findings }).unwrap_or_default();
    cache.put(&name, &resolution)?;
    Ok(folder)
}

fn recall(name: &str, cache: &Cache) -> Option<Resolution> {
    serde_json::from_slice(&std::fs::read(cache.get(name)?.path).ok()?).ok()
}
