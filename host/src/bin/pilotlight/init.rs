use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use pilotlight::signature;
use pilotlight_files::{FileAccess, write_atomically};
use pilotlight_model::{MANIFEST_FILE, Manifest, ModelFolder};

use crate::model::ModelChoices;

#[derive(Args)]
pub(crate) struct InitOptions {
    /// Model folder
    model_dir: PathBuf,
    #[command(flatten)]
    choices: ModelChoices,
    /// Overwrite an existing `model.toml`; its keys are not kept
    #[arg(long)]
    force: bool,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &InitOptions) -> anyhow::Result<()> {
    let InitOptions { model_dir, choices, force, json } = options;
    let path = model_dir.join(MANIFEST_FILE);
    let is_there = path.symlink_metadata().is_ok();
    if is_there && !force {
        bail!("{}: already exists; use --force to overwrite it", path.display());
    }
    let folder = ModelFolder::detect_afresh(model_dir, &choices.choices(), &signature)?;
    let text = folder.manifest_text();
    let written = write_atomically(&path, text.as_bytes(), FileAccess::Public);
    written.with_context(|| path.display().to_string())?;
    let (manifest, findings) = (folder.manifest(), folder.findings());
    if *json {
        let report = serde_json::json!({
            "output": path, "manifest": manifest, "findings": findings,
        });
        println!("{report}");
        return Ok(());
    }
    println!("{}: {}", path.display(), summary(manifest));
    findings.iter().for_each(|finding| println!("  {finding}"));
    Ok(())
}

/// `NAME does TASK, at most 512 tokens, by onnx/model.onnx: logits`.
fn summary(manifest: &Manifest) -> String {
    let Manifest { name, task, max_length, onnx_file, outputs, .. } = manifest;
    let tokens = max_length.map(|length| format!(", at most {length} tokens")).unwrap_or_default();
    let outputs = if outputs.is_empty() { "by shape".to_owned() } else { outputs.join(", ") };
    format!("{name} does {task}{tokens}, with {onnx_file} ({outputs})")
}
