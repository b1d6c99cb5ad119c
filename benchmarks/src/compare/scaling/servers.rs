use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ureq::http::Request;

use super::body;
use crate::compare::server::{Server, ServerSpec};
use crate::compare::servers::{absolute, serve};
use crate::http;

/// Requests for inference that each function gets before memory is measured.
const REQUESTS: usize = 8;
/// The header that selects the second function.
const HEADER: &str = "x-model";

/// Servers of the default model. It computes in the sandbox.
pub(super) struct Servers {
    pub(super) component: PathBuf,
    /// The default model under another name.
    pub(super) second: PathBuf,
    /// A configuration with both as functions.
    both: PathBuf,
    /// A configuration with one function.
    one: PathBuf,
    pub(super) cache: PathBuf,
}

impl Servers {
    /// Writes the configurations into `folder`, and removes the cache of an earlier run.
    pub(super) fn new(folder: &Path, component: &Path, second: &Path) -> anyhow::Result<Self> {
        let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
        let [component, second] =
            [component, second].map(|file| PathBuf::from(absolute(file.into())));
        let (one, both, cache) =
            (folder.join("one.toml"), folder.join("both.toml"), folder.join("cache"));
        let first =
            format!("[functions.default]\nsource = {:?}\n", component.display().to_string());
        let further = format!(
            "[functions.second]\nsource = {:?}\n\n\
             [[routes]]\nname = \"second\"\nmatch.header = {{ {HEADER} = \"second\" }}\nto = \"second\"\n\n\
             [[routes]]\nname = \"first\"\nto = \"default\"\n",
            second.display().to_string()
        );
        fs::write(&one, &first).with_context(|| one.display().to_string())?;
        fs::write(&both, format!("{first}\n{further}"))
            .with_context(|| both.display().to_string())?;
        if cache.exists() {
            fs::remove_dir_all(&cache).with_context(|| cache.display().to_string())?;
        }
        Ok(Self { component, second, both, one, cache })
    }

    /// The default model with more options.
    pub(super) fn with(&self, more: &[&str]) -> anyhow::Result<ServerSpec> {
        let component = self.component.display().to_string();
        self.serve(&[&[&*component], more].concat())
    }

    /// The default model as the only function, or beside the second one.
    pub(super) fn configured(&self, with_second: bool) -> anyhow::Result<ServerSpec> {
        let file = if with_second { &self.both } else { &self.one };
        self.serve(&["--config", &file.display().to_string()])
    }

    fn serve(&self, arguments: &[&str]) -> anyhow::Result<ServerSpec> {
        let cache = self.cache.display().to_string();
        serve("pilotlight", &[arguments, &["--cache-dir", &*cache]].concat())
    }
}

/// Lets the first function compute, and the second one if there is one.
pub(super) fn compute(server: &Server, with_second: bool) -> anyhow::Result<()> {
    for _ in 0..REQUESTS {
        for function in if with_second { &["default", "second"][..] } else { &["default"] } {
            let request = Request::post(server.spec.url("/")).header(HEADER, *function);
            http::send_ok(&request.body(body())?)?;
        }
    }
    Ok(())
}
