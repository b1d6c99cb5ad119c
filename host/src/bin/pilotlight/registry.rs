use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pilotlight::{BundleManifest, GRAPH_EXTENSION, GraphRecord};
use pilotlight_registry::{
    Annotations, Blob, Digest, Limits, Progress, Pulled, Pushed, Reference, Remote, Result, Sources,
};

#[derive(Args)]
pub(crate) struct PushOptions {
    /// Component to push; the graph beside a component that computes on the host is pushed with it
    #[arg(value_name = "FILE.wasm")]
    component: PathBuf,
    /// Reference to push to: [oci://]HOST[:PORT]/REPOSITORY[:TAG]
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
pub(crate) struct PullOptions {
    /// Reference to pull: [oci://]HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    /// File to write the component to; its graph, if it has one, is written beside it
    #[arg(short, long, value_name = "FILE.wasm")]
    output: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// Credentials come from PILOTLIGHT_REGISTRY_USER and PILOTLIGHT_REGISTRY_PASSWORD, or from
/// Docker's configuration
#[derive(Args)]
struct Connection {
    /// Use HTTP without TLS; registries on this machine are always reached this way
    #[arg(long)]
    plain_http: bool,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

impl Connection {
    fn open(&self, reference: &Reference) -> anyhow::Result<Remote> {
        let credentials = Sources::from_environment().find(reference)?;
        Ok(Remote::new(reference.clone(), credentials).plain_http(self.plain_http))
    }
}

pub(crate) fn push(options: &PushOptions) -> anyhow::Result<()> {
    let PushOptions { component, reference, connection } = options;
    let name = || component.display().to_string();
    let bytes = std::fs::read(component).with_context(name)?;
    let manifest = BundleManifest::of(&bytes).with_context(name)?;
    let said = |key: &str| {
        let info = manifest.as_ref().map(|manifest| &manifest.info);
        info.and_then(|info| info[key].as_str()).map(str::to_owned)
    };
    let annotations =
        Annotations { title: said("model"), licenses: said("license"), ..Annotations::default() };
    let graph = manifest.as_ref().and_then(|manifest| manifest.graph.as_ref());
    let graph = graph.map(|graph| read_graph(component, graph)).transpose()?;
    let mut remote = connection.open(reference)?;
    let Pushed { manifest, layer, size, graph } = shown(|progress| match &graph {
        Some(graph) => remote.push_with_graph(&bytes, graph, &annotations, progress),
        None => remote.push(&bytes, &annotations, progress),
    })?;
    match connection.json {
        true => print((manifest, layer, size), graph),
        false => println!("{reference}: sha256:{manifest}"),
    }
    Ok(())
}

/// The graph beside a component that computes on the host.
fn read_graph(component: &Path, graph: &GraphRecord) -> anyhow::Result<Vec<u8>> {
    let path = component.with_extension(GRAPH_EXTENSION);
    let name = || format!("{}: the graph of {}", path.display(), component.display());
    let bytes = std::fs::read(&path).with_context(name)?;
    if Digest::of(&bytes) != graph.sha256 {
        bail!("{} has another SHA-256 than {}; build the component again", name(), graph.sha256);
    }
    Ok(bytes)
}

pub(crate) fn pull(options: &PullOptions) -> anyhow::Result<()> {
    let PullOptions { reference, output, connection } = options;
    let mut remote = connection.open(reference)?;
    let beside = output.with_extension(GRAPH_EXTENSION);
    let files = (output.as_path(), Some(beside.as_path()));
    let Pulled { manifest, layer, size, graph } =
        shown(|progress| remote.pull_files(files, &Limits::default(), progress))?;
    if connection.json {
        print((manifest, layer, size), graph);
        return Ok(());
    }
    println!("{}: {size} bytes, sha256 {layer}", output.display());
    if let Some(Blob { digest, size }) = graph {
        println!("{}: {size} bytes, sha256 {digest}", beside.display());
    }
    Ok(())
}

fn print((manifest, layer, bytes): (Digest, Digest, u64), graph: Option<Blob>) {
    let mut report = serde_json::json!({"manifest": manifest, "layer": layer, "bytes": bytes});
    if let Some(Blob { digest, size }) = graph {
        report["graph"] = serde_json::json!({"layer": digest, "bytes": size});
    }
    println!("{report}");
}

/// Shows the progress of `moving`.
fn shown<T>(moving: impl FnOnce(Progress<'_>) -> Result<T>) -> Result<T> {
    let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}");
    let bar =
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let moved = moving(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    moved
}
