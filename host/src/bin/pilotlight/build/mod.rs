//! `pilotlight build`: options, accuracy check and report.
//! Used by `main`. Does not know `serve`.

mod built;
mod in_guest;
mod on_host;
mod options;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pilotlight::{BundleManifest, Cache, Error, GRAPH_EXTENSION, Guest, Stage, check_patterns};
use pilotlight_files::{FileAccess, write_atomically};
use pilotlight_model::{Digest, ModelFolder};

use self::built::Built;
pub(crate) use self::options::BuildArgs;
use crate::compute::Place;
use crate::model;
use crate::stages::Stages;

pub(crate) fn run(mut options: BuildArgs) -> anyhow::Result<()> {
    let guest = Guest::open(options.guest.as_deref(), options.variant()?)?;
    let cache = Cache::open(options.cache_dir.clone())?;
    let models = options.cache_dir.clone();
    options.model_dir = model::folder(&options.model_dir, &options.choices, models)?;
    let folder = model::detect(&options.model_dir, &options.choices)?;
    check_patterns(&folder, &options.corpus()?)?;
    let default = || PathBuf::from(format!("{}.wasm", folder.manifest().name));
    let output = options.output.clone().unwrap_or_else(default);
    let stages = Arc::new(Stages::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let building = build(&options, guest, folder, &cache, Arc::clone(&stages));
    let mut built = runtime.block_on(building).inspect_err(|_| stages.end())?;
    keep_agreement(&mut built)?;
    runtime.shutdown_background();
    stages.begin(Stage::Write);
    let written = write(&output, &built);
    stages.end();
    report(&options, &output, &built, written?);
    if let Err(error) = cache.evict() {
        tracing::warn!(%error, "the cache could not be reduced to its maximum size");
    }
    Ok(())
}

async fn build(
    options: &BuildArgs,
    guest: Guest,
    folder: ModelFolder,
    cache: &Cache,
    stages: Arc<Stages>,
) -> anyhow::Result<Built> {
    if options.compute == Place::Guest {
        return in_guest::build(options, guest, folder, cache, &stages).await;
    }
    on_host::build(options, guest, folder, cache, &stages).await
}

/// Stores the measured agreement in the component's manifest.
fn keep_agreement(built: &mut Built) -> anyhow::Result<()> {
    let Some(agreement) = built.agreement else { return Ok(()) };
    if let Some(mut manifest) = BundleManifest::of(&built.component)? {
        manifest.agreement = Some(agreement);
        manifest.seal(&mut built.component)?;
    }
    Ok(())
}

/// Writes what was built; returns the path of the graph.
fn write(output: &Path, built: &Built) -> Result<Option<PathBuf>, Error> {
    let write = |path: &Path, content: &[u8]| {
        write_atomically(path, content, FileAccess::Public)
            .map_err(|source| Error::Io { path: path.to_owned(), source })
    };
    // The component that names the graph comes last: it is never there without it.
    let graph = built.graph.as_ref().map(|graph| {
        let path = output.with_extension(GRAPH_EXTENSION);
        write(&path, graph).map(|()| path)
    });
    let graph = graph.transpose()?;
    write(output, &built.component)?;
    Ok(graph)
}

fn report(options: &BuildArgs, output: &Path, built: &Built, graph: Option<PathBuf>) {
    let digest = Digest::of(&built.component);
    let agreement = built.agreement;
    let manifest = BundleManifest::of(&built.component).ok().flatten();
    let precision = manifest.as_ref().and_then(|manifest| {
        let graph = manifest.graph.as_ref().map(|graph| graph.precision);
        manifest.precision.or(graph)
    });
    let task = manifest.map(|manifest| manifest.task).unwrap_or_default();
    let graph_bytes = built.graph.as_ref().map_or(0, Vec::len);
    let bytes = built.component.len();
    if options.json {
        let mut report = serde_json::json!({
            "output": output, "bytes": bytes, "sha256": digest, "task": task,
        });
        if let Some(graph) = graph {
            report["graph"] = serde_json::json!({"output": graph, "bytes": graph_bytes});
        }
        if let Some(agreement) = agreement {
            report["agreement"] = serde_json::json!(agreement);
        }
        if let Some(precision) = precision {
            report["precision"] = serde_json::json!(precision);
        }
        println!("{report}");
        return;
    }
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let precision = precision.map_or_else(String::new, |precision| format!(" {precision},"));
    let size = megabytes(bytes);
    println!("{}: {task}, {size:.1} MB,{precision} sha256 {digest}", output.display());
    if let Some(graph) = graph {
        println!("{}: {:.1} MB", graph.display(), megabytes(graph_bytes));
    }
    if let Some(agreement) = agreement {
        println!("compared with f32: {agreement}");
    }
}
