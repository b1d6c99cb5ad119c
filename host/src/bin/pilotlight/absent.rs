//! Commands that this build does not include.

use std::ffi::OsString;

use anyhow::bail;
use clap::Args;

/// Arguments of such a command.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<OsString>,
}

fn refuse(what: &str, feature: &str) -> anyhow::Result<()> {
    bail!("this build does not support {what}; build it with --features {feature}")
}

#[cfg(not(feature = "bench"))]
pub(crate) mod bench {
    pub(crate) use super::Options;

    pub(crate) fn run(_: Options) -> anyhow::Result<()> {
        super::refuse("measuring servers", "bench")
    }
}

#[cfg(not(feature = "registry"))]
pub(crate) mod hub {
    use std::path::PathBuf;

    use pilotlight::Choices;

    pub(crate) fn fetch(_: &str, _: &Choices, _: Option<PathBuf>) -> anyhow::Result<PathBuf> {
        anyhow::bail!("this build does not fetch models; build it with --features registry")
    }
}

#[cfg(not(feature = "registry"))]
pub(crate) mod oci {
    use pilotlight::{Cache, Error, Result, Source};

    pub(crate) fn fetch(reference: &str, _: &Cache) -> Result<Source> {
        Err(absent(reference))
    }

    pub(crate) fn pin(reference: &str) -> Result<String> {
        Err(absent(reference))
    }

    fn absent(reference: &str) -> Error {
        Error::Fetch(format!(
            "{reference}: this build does not pull components; build it with --features registry"
        ))
    }
}

#[cfg(not(feature = "registry"))]
pub(crate) mod registry {
    pub(crate) use super::{Options as PullOptions, Options as PushOptions};

    pub(crate) fn push(_: &PushOptions) -> anyhow::Result<()> {
        super::refuse("OCI registries", "registry")
    }

    pub(crate) fn pull(_: &PullOptions) -> anyhow::Result<()> {
        super::refuse("OCI registries", "registry")
    }
}
