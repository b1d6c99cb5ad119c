use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use pilotlight::{Error, Guest, Stage, snapshot, write_beside};
use pilotlight_model::{Digest, ModelFolder};

use crate::stages::Stages;

#[derive(Args)]
pub(crate) struct Options {
    /// Model folder: model.onnx, tokenizer.json, config.json, model.toml
    model_dir: PathBuf,
    /// Where to write the component [default: NAME.wasm, by the name in model.toml]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Guest component to pre-initialise instead of the one in this build
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_GUEST")]
    guest: Option<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let guest = Guest::open(options.guest.as_deref())?;
    let folder = ModelFolder::open(options.model_dir)?;
    let default = || PathBuf::from(format!("{}.wasm", folder.manifest().name));
    let output = options.output.unwrap_or_else(default);
    let stages = Arc::new(Stages::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let building = handle.spawn_blocking({
        let stages = Arc::clone(&stages);
        move || snapshot(&guest, &folder, &|stage| stages.begin(stage))
    });
    let component =
        runtime.block_on(building).map_err(|error| anyhow!("the build broke off: {error}"))?;
    let component = component.inspect_err(|_| stages.end())?;
    stages.begin(Stage::Write);
    let written = write_beside(&output, &component);
    stages.end();
    written.map_err(|source| Error::Io { path: output.clone(), source })?;
    let digest = Digest::of(&component);
    if options.json {
        let bytes = component.len();
        println!("{}", serde_json::json!({"output": output, "bytes": bytes, "sha256": digest}));
    } else {
        let megabytes = component.len() as f64 / 1e6;
        println!("{}: {megabytes:.1} MB, sha256 {digest}", output.display());
    }
    Ok(())
}
