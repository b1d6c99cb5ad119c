mod on_host;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use pilotlight::{
    AccuracyCheck, Agreement, BundleManifest, Cache, Error, GRAPH_EXTENSION, Guest, Host,
    Placement, Precision, Source, Stage, Target, Variant, agreement, check_patterns, snapshot,
};
use pilotlight_files::{FileAccess, write_atomically};
use pilotlight_model::{Digest, ModelFolder};
use pilotlight_onnx::{Pieces, contains_operator, decode_with};

use crate::compute::{ComputeOptions, Place};
use crate::model::{self, ModelChoices};
use crate::stages::Stages;

/// Made-up texts, one a line.
const BUILT_IN_CORPUS: &str = include_str!("corpus.txt");

#[derive(Args)]
pub(crate) struct BuildArgs {
    /// Model folder, or model on Hugging Face's Hub
    #[arg(value_name = "MODEL_DIR|hf:ORG/NAME[@REVISION]")]
    model_dir: PathBuf,
    #[command(flatten)]
    choices: ModelChoices,
    /// Where to write the component [default: NAME.wasm, by the name of the model]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the matrix work is done; with `host` the graph is written beside the component
    #[arg(long, value_enum, default_value = "guest")]
    compute: Place,
    /// What the hosts that are to run the component have
    #[arg(long, value_enum, default_value = "wasi-0.3", conflicts_with = "guest")]
    target: Hosts,
    /// Texts to compare integers with f32 on, one a line [default: 200 made-up ones]
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    host: ComputeOptions,
    /// Cache for machine code and for models from the Hub [default: the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PILOTLIGHT_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// Guest component to pre-initialize instead of the one in this build
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_GUEST")]
    guest: Option<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hosts {
    /// WASI 0.3 and relaxed SIMD: pilotlight, Spin 4, Wasmtime 48 with -Sp3
    #[value(name = "wasi-0.3")]
    Wasi03,
    /// WASI 0.2 and relaxed SIMD: Spin 2 and 3, wasmCloud, earlier Wasmtime
    #[value(name = "wasi-0.2")]
    Wasi02,
    /// WASI 0.2 and SIMD without the relaxed instructions: slower, runs everywhere
    #[value(name = "wasi-0.2-simd128")]
    Wasi02Simd128,
}

impl BuildArgs {
    fn variant(&self) -> anyhow::Result<Variant> {
        match (self.compute, self.target) {
            (Place::Guest, Hosts::Wasi03) => Ok(Variant::InGuest(Target::Wasi03)),
            (Place::Guest, Hosts::Wasi02) => Ok(Variant::InGuest(Target::Wasi02)),
            (Place::Guest, Hosts::Wasi02Simd128) => Ok(Variant::InGuest(Target::Wasi02Simd128)),
            (Place::Host, Hosts::Wasi03) => Ok(Variant::OnHost),
            (Place::Host, _) => bail!(
                "a component that computes on the host needs WASI 0.3: leave out --target, or \
                 build with --compute guest"
            ),
        }
    }
}

/// What was built.
struct Built {
    component: Vec<u8>,
    /// How far its answers are those of f32, where that was measured.
    agreement: Option<Agreement>,
    /// The graph that the host computes for it.
    graph: Option<Vec<u8>>,
}

impl Built {
    fn in_guest(component: Vec<u8>, agreement: Option<Agreement>) -> Self {
        Self { component, agreement, graph: None }
    }

    fn on_host((component, graph): (Vec<u8>, Vec<u8>), agreement: Option<Agreement>) -> Self {
        Self { component, agreement, graph: Some(graph) }
    }
}

pub(crate) fn run(options: BuildArgs) -> anyhow::Result<()> {
    let guest = Guest::open(options.guest.as_deref(), options.variant()?)?;
    let cache = Cache::open(options.cache_dir.clone())?;
    let model_dir = model::folder(&options.model_dir, &options.choices, options.cache_dir.clone())?;
    let options = BuildArgs { model_dir, ..options };
    let folder = model::detect(&options.model_dir, &options.choices)?;
    check_patterns(&folder, &corpus(&options)?)?;
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
        tracing::warn!(%error, "the cache could not be kept within its bound");
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
        return for_guest(options, guest, folder, cache, &stages).await;
    }
    on_host::build(options, guest, folder, cache, &stages).await
}

/// Precisions that an encoder can be computed in besides f32, the smallest first.
fn in_integers(folder: &ModelFolder) -> anyhow::Result<Vec<Precision>> {
    Ok(match has_weights_of_4_bits(folder)? {
        true => vec![Precision::Int4, Precision::Int8],
        // Four bits would be eight under another name.
        false => vec![Precision::Int8],
    })
}

/// Builds in the precision asked for, or in the smallest one whose answers are those of f32.
async fn for_guest(
    options: &BuildArgs,
    guest: Guest,
    folder: ModelFolder,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Built> {
    let build = async |precision| -> anyhow::Result<Vec<u8>> {
        let (guest, stages) = (guest.clone(), Arc::clone(stages));
        let (folder, cache) = (folder.clone(), cache.clone());
        let building = tokio::task::spawn_blocking(move || {
            let placement = Placement::Guest(precision);
            snapshot(&guest, &folder, placement, &cache, &|stage| stages.begin(stage))
        });
        Ok(building.await.map_err(Error::unfinished("building the component"))??)
    };
    let chosen = options.host.chosen_precision();
    let candidates = match chosen {
        Some(precision) => vec![precision],
        // Only products of encoders are computed in integers.
        None if !folder.manifest().task.reads_text() => vec![Precision::F32],
        None => in_integers(&folder)?,
    };
    if candidates == [Precision::F32] {
        return Ok(Built::in_guest(build(Precision::F32).await?, None));
    }
    let reference = build(Precision::F32).await?;
    let check = accuracy_check(&reference)?;
    for candidate in candidates {
        let component = build(candidate).await?;
        let components = [&reference[..], &component];
        let agreement = compare_components(options, components, &check, cache, stages).await?;
        if chosen.is_some() || agreement.share >= check.threshold {
            return Ok(Built::in_guest(component, Some(agreement)));
        }
    }
    Ok(Built::in_guest(reference, None))
}

fn has_weights_of_4_bits(folder: &ModelFolder) -> anyhow::Result<bool> {
    let file = &folder.manifest().onnx_file;
    let path = folder.path().join(file);
    let model = folder.read_in_pieces(file)?.into_iter().collect::<Pieces>();
    let mut beside = |name: &str| folder.read_beside_graph(name).map_err(|error| error.to_string());
    let decoded = decode_with(model, &mut beside);
    let (model, _) = decoded.with_context(|| path.display().to_string())?;
    Ok(contains_operator(&model, "MatMulNBits"))
}

/// How the answers of a component are compared with those of another precision.
fn accuracy_check(component: &[u8]) -> anyhow::Result<AccuracyCheck> {
    let check = BundleManifest::of(component)?.and_then(|manifest| manifest.accuracy_check);
    check.context("the component does not say how its answers are compared")
}

/// Has the component say what was measured of it.
fn keep_agreement(built: &mut Built) -> anyhow::Result<()> {
    let Some(agreement) = built.agreement else { return Ok(()) };
    if let Some(mut manifest) = BundleManifest::of(&built.component)? {
        manifest.agreement = Some(agreement);
        manifest.seal(&mut built.component)?;
    }
    Ok(())
}

/// Compares the answers of a component with those of the first.
async fn compare_components(
    options: &BuildArgs,
    components: [&[u8]; 2],
    check: &AccuracyCheck,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Agreement> {
    let folder = tempfile::tempdir()?;
    stages.begin(Stage::Compare);
    let mut hosts = Vec::new();
    for (number, component) in components.into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.wasm"));
        std::fs::write(&file, component)?;
        let source = Source::Component(file);
        hosts.push(Host::load(source, Default::default(), cache.clone(), |_| {}).await?);
    }
    Ok(agreement(check, [&hosts[0], &hosts[1]], &corpus(options)?).await?)
}

/// The texts to compare answers to.
fn corpus(options: &BuildArgs) -> Result<Vec<String>, Error> {
    let texts = match &options.corpus {
        Some(path) => {
            let io = |source| Error::Io { path: path.clone(), source };
            std::fs::read_to_string(path).map_err(io)?
        }
        None => BUILT_IN_CORPUS.to_owned(),
    };
    Ok(texts.lines().map(str::to_owned).collect())
}

/// Writes what was built and returns the place of the graph.
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
