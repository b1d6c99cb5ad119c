use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use pilotlight::{
    Agreement, Cache, Error, GRAPH_EXTENSION, Guest, Host, HostCompute, LoadedGraph, Precision,
    Source, Stage, agreement, snapshot, write_beside,
};
use pilotlight_model::{Digest, ModelFolder};

use crate::compute::{ComputeOptions, Place};
use crate::stages::Stages;

/// Made-up texts, one a line.
const BUILT_IN_CORPUS: &str = include_str!("corpus.txt");

#[derive(Args)]
pub(crate) struct Options {
    /// Model folder: model.onnx, tokenizer.json, config.json, model.toml
    model_dir: PathBuf,
    /// Where to write the component [default: NAME.wasm, by the name in model.toml]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the matrix work is done; with `host` the graph is written beside the component
    #[arg(long, value_enum, default_value = "guest")]
    compute: Place,
    /// Texts to compare int8 with f32 on, one a line [default: 200 made-up ones]
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    host: ComputeOptions,
    /// Guest component to pre-initialise instead of the one in this build
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_GUEST")]
    guest: Option<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

/// What was built.
struct Built {
    component: Vec<u8>,
    /// The graph that the host computes for it, and how often its labels are those of f32.
    graph: Option<(Vec<u8>, Option<Agreement>)>,
}

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let guest = Guest::open(options.guest.as_deref(), options.compute.into())?;
    let folder = ModelFolder::open(&options.model_dir)?;
    let default = || PathBuf::from(format!("{}.wasm", folder.manifest().name));
    let output = options.output.clone().unwrap_or_else(default);
    let stages = Arc::new(Stages::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let building = build(&options, guest, folder, Arc::clone(&stages));
    let built = runtime.block_on(building).inspect_err(|_| stages.end())?;
    runtime.shutdown_background();
    stages.begin(Stage::Write);
    let written = write(&output, &built);
    stages.end();
    report(&options, &output, &built, written?);
    Ok(())
}

async fn build(
    options: &Options,
    guest: Guest,
    folder: ModelFolder,
    stages: Arc<Stages>,
) -> anyhow::Result<Built> {
    if options.compute == Place::Guest {
        let building = tokio::task::spawn_blocking(move || {
            snapshot(&guest, &folder, None, &|stage| stages.begin(stage))
        });
        let component =
            building.await.map_err(|error| anyhow!("the build broke off: {error}"))??;
        return Ok(Built { component, graph: None });
    }
    let compute = options.host.start()?;
    let building = tokio::task::spawn_blocking({
        let (guest, compute, stages) = (guest.clone(), compute.clone(), Arc::clone(&stages));
        move || -> pilotlight::Result<_> {
            let progress = |stage| stages.begin(stage);
            let (graph, file) = LoadedGraph::of(&folder, &compute, &progress)?;
            Ok((snapshot(&guest, &folder, Some(&graph), &progress)?, file))
        }
    });
    let built = building.await.map_err(|error| anyhow!("the build broke off: {error}"))?;
    let (component, file) = built?;
    let agreement = match compute.precision {
        Precision::Int8 => Some(compare(options, &guest, compute, &stages).await?),
        _ => None,
    };
    Ok(Built { component, graph: Some((file, agreement)) })
}

/// Compares the labels of `compute` with those of f32.
async fn compare(
    options: &Options,
    guest: &Guest,
    compute: HostCompute,
    stages: &Arc<Stages>,
) -> anyhow::Result<Agreement> {
    let texts = match &options.corpus {
        Some(path) => {
            let io = |source| Error::Io { path: path.clone(), source };
            std::fs::read_to_string(path).map_err(io)?
        }
        None => BUILT_IN_CORPUS.to_owned(),
    };
    let texts: Vec<String> = texts.lines().map(str::to_owned).collect();
    let mut reference = options.host.start()?;
    reference.precision = Precision::F32;
    let folder = tempfile::tempdir()?;
    let cache = Cache::open(Some(folder.path().to_owned()))?;
    let load = |compute: HostCompute| {
        let (folder, guest) = (options.model_dir.clone(), guest.clone());
        let source = Source::Model { folder, guest, compute: Some(compute) };
        Host::load(source, Default::default(), cache.clone(), |_| {})
    };
    stages.begin(Stage::Compare);
    let (reference, other) = (load(reference).await?, load(compute).await?);
    Ok(agreement(&reference, &other, &texts).await?)
}

/// Writes what was built and returns the place of the graph.
fn write(output: &Path, built: &Built) -> Result<Option<PathBuf>, Error> {
    let write = |path: &Path, content: &[u8]| {
        write_beside(path, content).map_err(|source| Error::Io { path: path.to_owned(), source })
    };
    // The component that names the graph comes last: it is never there without it.
    let graph = built.graph.as_ref().map(|(graph, _)| {
        let path = output.with_extension(GRAPH_EXTENSION);
        write(&path, graph).map(|()| path)
    });
    let graph = graph.transpose()?;
    write(output, &built.component)?;
    Ok(graph)
}

fn report(options: &Options, output: &Path, built: &Built, graph: Option<PathBuf>) {
    let digest = Digest::of(&built.component);
    let agreement = built.graph.as_ref().and_then(|(_, agreement)| *agreement);
    let graph_bytes = built.graph.as_ref().map_or(0, |(graph, _)| graph.len());
    let bytes = built.component.len();
    if options.json {
        let mut report = serde_json::json!({"output": output, "bytes": bytes, "sha256": digest});
        if let Some(graph) = graph {
            report["graph"] = serde_json::json!({"output": graph, "bytes": graph_bytes});
        }
        if let Some(agreement) = agreement {
            report["agreement"] = serde_json::json!(agreement);
        }
        println!("{report}");
        return;
    }
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!("{}: {:.1} MB, sha256 {digest}", output.display(), megabytes(bytes));
    if let Some(graph) = graph {
        let precision = options.host.precision();
        println!("{}: {:.1} MB, {precision}", graph.display(), megabytes(graph_bytes));
    }
    if let Some(agreement) = agreement {
        let Agreement { tokens, equal, texts, largest_difference, .. } = agreement;
        println!(
            "labels equal to f32's: {:.2} % ({equal} of {tokens} tokens of {texts} texts), scores \
             within {largest_difference:.3}",
            agreement.share() * 100.0
        );
    }
}
