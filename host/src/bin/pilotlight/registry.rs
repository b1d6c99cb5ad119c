use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pilotlight::{BundleManifest, GRAPH_EXTENSION};
use pilotlight_registry::{
    Annotations, Digest, Limits, Progress, Pulled, Pushed, Reference, Remote, Result, Sources,
};

#[derive(Args)]
pub(crate) struct PushOptions {
    /// Component to push
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
    /// File to write the component to
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
    if let Some(graph) = manifest.as_ref().and_then(|manifest| manifest.graph.as_ref()) {
        eprintln!(
            "warning: {} computes on the host; its graph, {GRAPH_EXTENSION} file {}, is not pushed with it",
            component.display(),
            graph.sha256
        );
    }
    let mut remote = connection.open(reference)?;
    let Pushed { manifest, layer, size } =
        shown(|progress| remote.push(&bytes, &annotations, progress))?;
    match connection.json {
        true => print(manifest, layer, size),
        false => println!("{reference}: sha256:{manifest}"),
    }
    Ok(())
}

pub(crate) fn pull(options: &PullOptions) -> anyhow::Result<()> {
    let PullOptions { reference, output, connection } = options;
    let mut remote = connection.open(reference)?;
    let Pulled { manifest, layer, size } =
        shown(|progress| remote.pull_file(output, &Limits::default(), progress))?;
    match connection.json {
        true => print(manifest, layer, size),
        false => println!("{}: {size} bytes, sha256 {layer}", output.display()),
    }
    Ok(())
}

fn print(manifest: Digest, layer: Digest, bytes: u64) {
    println!("{}", serde_json::json!({"manifest": manifest, "layer": layer, "bytes": bytes}));
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
