//! `pilotlight-image`: writes OCI images of a built program.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser;

mod contents;
mod libraries;

use contents::Contents;
use pilotlight_image::Layout;

/// Writes an OCI image of a built program, without a container engine
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// Program `pilotlight`; if it is linked dynamically, its libraries are added
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// Component that the container serves
    #[arg(long, value_name = "FILE.wasm")]
    component: Option<PathBuf>,
    /// Cache folder that `pilotlight cache warm` filled for the component
    #[arg(long, value_name = "DIR", requires = "component")]
    cache: Option<PathBuf>,
    /// License of the program
    #[arg(long, value_name = "FILE")]
    license: Option<PathBuf>,
    /// Bill of materials (CycloneDX JSON), attached to the image
    #[arg(long, value_name = "FILE.json")]
    sbom: Option<PathBuf>,
    /// Processor architecture of the program
    #[arg(long, value_name = "amd64|arm64", value_parser = ["amd64", "arm64"], default_value = "amd64")]
    architecture: String,
    /// Version of the program, for the labels
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    image_version: String,
    /// Commit of the source, for the labels
    #[arg(long, value_name = "COMMIT")]
    revision: Option<String>,
    /// Name of the image in the layout
    #[arg(long, value_name = "NAME:TAG", default_value = "pilotlight:latest")]
    name: String,
    /// Folder to write; it must not exist
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut layout = Layout::new(&arguments.output)?;
    let sbom = arguments.sbom.as_deref().map(read_sbom).transpose()?;
    let image = Contents::of(arguments)?.image(layout.folder())?;
    for layer in &image.layers {
        eprintln!("{:>12} bytes  {}", layer.length(), layer.title());
    }
    eprintln!("{:>12} bytes  in all layers, compressed", image.length());
    let digest = layout.add(&arguments.name, image)?;
    if let Some(sbom) = sbom {
        layout.attach(&digest, contents::SBOM, &sbom)?;
    }
    layout.finish()?;
    println!("{}@{digest}", arguments.output.display());
    Ok(())
}

fn read_sbom(file: &Path) -> anyhow::Result<Vec<u8>> {
    let content = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let json: serde_json::Value =
        serde_json::from_slice(&content).with_context(|| format!("{}", file.display()))?;
    if json["bomFormat"] != "CycloneDX" {
        bail!("{} is not a bill of materials in CycloneDX's JSON", file.display());
    }
    Ok(content)
}
