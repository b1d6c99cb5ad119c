use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use pilotlight_build::{
    COMPILED_EXTENSION, Cache, GRAPH_EXTENSION, Precompilation, Stage, precompile,
};
use pilotlight_files::{AtomicFile, FileAccess, write_atomically};
use pilotlight_model::Digest;
use pilotlight_sandbox::Processor;

use crate::commands::stages::Stages;

#[derive(Args)]
pub(crate) struct CompileOptions {
    /// Component to compile
    #[arg(value_name = "FILE.wasm")]
    component: PathBuf,
    /// Oldest processor that runs the machine code: native (this machine's), x86-64-v2, x86-64-v3 or
    /// x86-64-v4; on AArch64 native, armv8-a or armv8.1-a
    #[arg(long, value_name = "CPU", default_value = "native", value_parser = parse_processor)]
    target: Processor,
    /// File to write the machine code to [default: the component's name, with the extension cwasm]
    #[arg(short, long, value_name = "FILE.cwasm")]
    output: Option<PathBuf>,
    /// Folder of the compilation cache [default: the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PILOTLIGHT_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

fn parse_processor(name: &str) -> Result<Processor, String> {
    name.parse()
}

pub(crate) fn run(options: &CompileOptions) -> anyhow::Result<()> {
    let component = &options.component;
    let default = || component.with_extension(COMPILED_EXTENSION);
    let output = options.output.clone().unwrap_or_else(default);
    ensure!(
        output.extension().is_some_and(|extension| extension == COMPILED_EXTENSION),
        "{}: the name of a compiled component has to end in .{COMPILED_EXTENSION}",
        output.display()
    );
    let cache = Cache::open(options.cache_dir.clone())?;
    let stages = Stages::new();
    let compiled =
        precompile(component, &options.target, &cache, &|stage: Stage| stages.begin(stage));
    stages.end();
    let compiled = compiled?;
    // The file that names the graph comes last: it is never there without it.
    if compiled.manifest.as_ref().is_some_and(|manifest| manifest.graph.is_some()) {
        copy_graph(component, &output)?;
    }
    write_atomically(&output, &compiled.file, FileAccess::Public)
        .with_context(|| output.display().to_string())?;
    report(options, &output, &compiled);
    if let Err(error) = cache.evict() {
        tracing::warn!(%error, "the cache could not be reduced to its maximum size");
    }
    Ok(())
}

/// Copies the graph beside a component to the one beside `output`.
fn copy_graph(component: &Path, output: &Path) -> anyhow::Result<()> {
    let [from, to] = [component, output].map(|path| path.with_extension(GRAPH_EXTENSION));
    let is_there = to.canonicalize().ok();
    let source = from.canonicalize().with_context(|| {
        format!("{}: the graph that the host computes for {}", from.display(), component.display())
    })?;
    if is_there.as_ref() == Some(&source) {
        return Ok(());
    }
    copy(&source, &to).with_context(|| to.display().to_string())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = AtomicFile::create(to, FileAccess::Public)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.commit(to)
}

fn report(options: &CompileOptions, output: &Path, compiled: &Precompilation) {
    let Precompilation { file, compilation, .. } = compiled;
    let digest = Digest::of(file);
    if options.json {
        let report = serde_json::json!({
            "output": output, "bytes": file.len(), "sha256": digest, "compiled": compilation,
        });
        println!("{report}");
        return;
    }
    let megabytes = file.len() as f64 / 1e6;
    println!("{}: {megabytes:.1} MB, sha256 {digest}", output.display());
    println!("needs {} with {}", compilation.architecture, compilation.features.join(", "));
}
