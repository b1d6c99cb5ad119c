//! Components that compute on the host, and the graphs beside them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pilotlight::{
    AccuracyCheck, Agreement, BundleManifest, Cache, Error, Guest, Host, HostCompute, LoadedGraph,
    ModelCompute, Placement, Precision, Source, Stage, agreement, latency, snapshot,
};
use pilotlight_inference::EngineKind;
use pilotlight_model::ModelFolder;

use super::built::{Built, accuracy_check, in_integers};
use super::options::BuildArgs;
use crate::compute::ComputeOptions;
use crate::stages::Stages;

/// Number of texts of the corpus with which `--backend auto` measures.
const MEASURED_TEXTS: usize = 50;

/// Builds for the requested backend, or for the one that answers fastest.
pub(super) async fn build(
    options: &BuildArgs,
    guest: Guest,
    folder: ModelFolder,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Built> {
    let candidates = options.host.candidates();
    if candidates.is_empty() {
        return for_backend(options, (guest, &options.host), folder, cache, stages).await;
    }
    fastest(options, candidates, (guest, folder), cache, stages).await
}

/// Builds for each backend, and keeps the one that answers fastest.
async fn fastest(
    options: &BuildArgs,
    candidates: Vec<(EngineKind, ComputeOptions)>,
    (guest, folder): (Guest, ModelFolder),
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Built> {
    let mut best: Option<(Duration, EngineKind, Built)> = None;
    for (engine, host) in candidates {
        let built =
            for_backend(options, (guest.clone(), &host), folder.clone(), cache, stages).await;
        let measured = match built {
            Ok(built) => {
                let latency = latency_of(options, (&guest, &host), &built, cache, stages).await;
                latency.map(|latency| (latency, engine, built))
            }
            Err(error) => Err(error),
        };
        match measured {
            Ok(measured) => {
                tracing::info!(engine = engine.name(), latency = ?measured.0, "measured");
                if best.as_ref().is_none_or(|best| measured.0 < best.0) {
                    best = Some(measured);
                }
            }
            // It may be missing here, or know other operators.
            Err(error) => tracing::info!(engine = engine.name(), "backend skipped: {error:#}"),
        }
    }
    let (_, engine, mut built) =
        best.context("no backend can compute the model; the log has the reasons")?;
    if let Some(mut manifest) = BundleManifest::of(&built.component)? {
        if let Some(graph) = &mut manifest.graph {
            graph.engine = Some(engine);
        }
        manifest.seal(&mut built.component)?;
    }
    Ok(built)
}

/// Mean latency of the answer to a text.
async fn latency_of(
    options: &BuildArgs,
    (guest, host): (&Guest, &ComputeOptions),
    built: &Built,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Duration> {
    let manifest =
        BundleManifest::of(&built.component)?.context("the component has no manifest")?;
    let precision = manifest.graph.map_or(Precision::F32, |graph| graph.precision);
    let check = accuracy_check(&built.component)?;
    stages.begin(Stage::Compare);
    let compute = in_precision(&host.start(None)?, precision);
    let function = load(options, (guest, compute), cache).await?;
    let texts: Vec<String> = options.corpus()?.into_iter().take(MEASURED_TEXTS).collect();
    Ok(latency(&check, &function, &texts).await?)
}

/// Builds in the requested precision. If none is requested and the backend converts weights itself,
/// builds in the smallest precision whose answers agree with those of f32.
async fn for_backend(
    options: &BuildArgs,
    (guest, host): (Guest, &ComputeOptions),
    folder: ModelFolder,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Built> {
    let compute = host.start(None)?;
    let build = async |precision| -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
        let (guest, stages, cache) = (guest.clone(), Arc::clone(stages), cache.clone());
        let (folder, compute) = (folder.clone(), in_precision(&compute, precision));
        let building = tokio::task::spawn_blocking(move || -> pilotlight::Result<_> {
            let progress = |stage| stages.begin(stage);
            let (graph, file) = LoadedGraph::of(&folder, &compute, &progress)?;
            let placement = Placement::Host(&graph);
            Ok((snapshot(&guest, &folder, placement, &cache, &progress)?, file))
        });
        Ok(building.await.map_err(Error::unfinished("building the component"))??)
    };
    let chosen = host.chosen_precision();
    let first = build(chosen.unwrap_or(Precision::F32)).await?;
    let candidates = match chosen {
        Some(Precision::Int8 | Precision::Int4) => vec![],
        None if compute.graphs.backend().packs(&first.1) => in_integers(&folder)?,
        _ => return Ok(Built::on_host(first, None)),
    };
    let check = accuracy_check(&first.0)?;
    let compared = async |precision| {
        let compute = in_precision(&compute, precision);
        compare(options, (&guest, [host.start(None)?, compute]), &check, cache, stages).await
    };
    for candidate in candidates {
        let built = build(candidate).await?;
        let agreement = compared(candidate).await?;
        if agreement.share >= check.threshold {
            return Ok(Built::on_host(built, Some(agreement)));
        }
    }
    let agreement = match chosen {
        Some(precision) => Some(compared(precision).await?),
        None => None,
    };
    Ok(Built::on_host(first, agreement))
}

fn in_precision(compute: &HostCompute, precision: Precision) -> HostCompute {
    let mut compute = compute.clone();
    compute.precision = precision;
    compute
}

/// Compares the answers of the second `HostCompute` with those of the first in f32.
async fn compare(
    options: &BuildArgs,
    (guest, [reference, compute]): (&Guest, [HostCompute; 2]),
    check: &AccuracyCheck,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Agreement> {
    let texts = options.corpus()?;
    stages.begin(Stage::Compare);
    let reference = load(options, (guest, in_precision(&reference, Precision::F32)), cache).await?;
    let other = load(options, (guest, compute), cache).await?;
    Ok(agreement(check, [&reference, &other], &texts).await?)
}

/// The model as a function that computes on the host.
async fn load(
    options: &BuildArgs,
    (guest, compute): (&Guest, HostCompute),
    cache: &Cache,
) -> anyhow::Result<Host> {
    let (folder, guest) = (options.model_dir.clone(), guest.clone());
    let (choices, compute) = (options.choices.choices(), ModelCompute::Host(compute));
    let source = Source::Model { folder, choices, guest, compute };
    Ok(Host::load(source, Default::default(), cache.clone(), |_| {}).await?)
}
