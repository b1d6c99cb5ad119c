//! Options of `pilotlight build`.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use pilotlight::{Error, Target, Variant};

use crate::compute::{ComputeOptions, Place};
use crate::model::ModelChoices;

/// Made-up texts, one per line.
const BUILT_IN_CORPUS: &str = include_str!("corpus.txt");

#[derive(Args)]
pub(crate) struct BuildArgs {
    /// Model folder, or model on Hugging Face's Hub
    #[arg(value_name = "MODEL_DIR|hf:ORG/NAME[@REVISION]")]
    pub(super) model_dir: PathBuf,
    #[command(flatten)]
    pub(super) choices: ModelChoices,
    /// File to write the component to [default: NAME.wasm, with the name of the model]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Where inference runs; with `host`, the graph is written beside the component
    #[arg(long, value_enum, default_value = "guest")]
    pub(super) compute: Place,
    /// WASI version and SIMD instructions of the hosts that run the component
    #[arg(long, value_enum, default_value = "wasi-0.3", conflicts_with = "guest")]
    target: Hosts,
    /// Texts for the accuracy check against f32, one per line [default: 200 built-in texts]
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    pub(super) host: ComputeOptions,
    /// Folder of the compilation cache and of fetched models [default: the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PILOTLIGHT_CACHE_DIR")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Guest component to pre-initialize, instead of the one in this program
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_GUEST")]
    pub(super) guest: Option<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    pub(super) json: bool,
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
    pub(super) fn variant(&self) -> anyhow::Result<Variant> {
        match (self.compute, self.target) {
            (Place::Guest, Hosts::Wasi03) => Ok(Variant::InGuest(Target::Wasi03)),
            (Place::Guest, Hosts::Wasi02) => Ok(Variant::InGuest(Target::Wasi02)),
            (Place::Guest, Hosts::Wasi02Simd128) => Ok(Variant::InGuest(Target::Wasi02Simd128)),
            (Place::Host, Hosts::Wasi03) => Ok(Variant::OnHost),
            (Place::Host, _) => bail!(
                "a component that computes on the host needs WASI 0.3; remove --target, or \
                 build with --compute guest"
            ),
        }
    }

    /// Texts for the accuracy check.
    pub(super) fn corpus(&self) -> Result<Vec<String>, Error> {
        let texts = match &self.corpus {
            Some(path) => {
                let io = |source| Error::Io { path: path.clone(), source };
                std::fs::read_to_string(path).map_err(io)?
            }
            None => BUILT_IN_CORPUS.to_owned(),
        };
        Ok(texts.lines().map(str::to_owned).collect())
    }
}
