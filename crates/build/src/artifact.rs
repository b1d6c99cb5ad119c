//! From a model folder or a component file to a compiled component, through the cache.

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};

use pilotlight_bundle::Policy;
#[cfg(feature = "compiler")]
use pilotlight_model::Choices;
use pilotlight_model::Digest;
use pilotlight_sandbox::{MemorySlots, engine};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::{Cache, Entry};
use crate::compile::compile;
use crate::compiled::{Mapped, load};
use crate::component_file::{ComponentFile, VERSION, read_file, refuse};
use crate::error::Result;
#[cfg(feature = "compiler")]
use crate::guest::Guest;
#[cfg(feature = "compiler")]
use crate::host_compute::HostCompute;
use crate::manifest::BundleManifest;
#[cfg(feature = "compiler")]
use crate::model::{built, built_for_host};
#[cfg(feature = "compiler")]
use crate::precision::Precision;
use crate::progress::{Progress, Stage};

/// Source of a function.
#[derive(Debug, Clone)]
pub enum Source {
    #[cfg(feature = "compiler")]
    /// A model folder; it is built into a component with the given guest.
    Model {
        /// The folder.
        folder: PathBuf,
        /// What is said of it beyond its files.
        choices: Choices,
        /// What the model is loaded into.
        guest: Guest,
        /// What computes it.
        compute: ModelCompute,
    },
    /// A component that serves HTTP.
    Component(PathBuf),
    /// A component that was fetched into the cache.
    Fetched {
        /// Where it comes from, as errors and the status of its version call it.
        name: String,
        /// The component.
        component: Entry,
        /// Other entries that are kept in the cache for as long as it is in use.
        held: Vec<Entry>,
    },
}

#[cfg(feature = "compiler")]
/// Where inference for a model runs.
#[derive(Debug, Clone)]
pub enum ModelCompute {
    /// In the sandbox, with numbers of this precision.
    Guest(Precision),
    /// By the host.
    Host(HostCompute),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "compiler")]
            Self::Model { folder, .. } => folder.display().fmt(f),
            Self::Component(path) => path.display().fmt(f),
            Self::Fetched { name, .. } => name.fmt(f),
        }
    }
}

/// A component ready to be linked.
pub struct Artifact {
    /// The component, compiled for the engine that it was prepared for.
    pub component: Component,
    /// Name in errors: its path.
    pub name: String,
    /// Of the component, before it was compiled.
    pub digest: Digest,
    /// Its machine code was not in the cache.
    pub compiled: bool,
    /// Its manifest.
    pub manifest: Option<BundleManifest>,
    /// Entries of the cache that it is made of.
    pub held: Vec<Entry>,
}

impl Source {
    /// The file of the component, if it is one already.
    pub fn component_file(&self) -> Option<&Path> {
        match self {
            #[cfg(feature = "compiler")]
            Self::Model { .. } => None,
            Self::Component(file) => Some(file),
            Self::Fetched { component, .. } => Some(&component.path),
        }
    }

    /// Compiles the function for `engine` and `memories`, or maps what an earlier run has compiled
    /// into `cache`. What `require` asks for is checked first. Blocks.
    ///
    /// # Errors
    /// [`Error`](crate::Error) naming the file and the reason.
    pub fn prepare(
        &self,
        require: Option<&Policy>,
        (engine, memories): (&Engine, &MemorySlots),
        cache: &Cache,
        progress: Progress<'_>,
    ) -> Result<Artifact> {
        let name = self.to_string();
        let ComponentFile { path, digest, mut held } = self.file(require, cache, progress)?;
        let compatibility = engine::compatibility();
        let parts = [VERSION.as_bytes(), compatibility.as_bytes(), digest.as_bytes()];
        let key = Digest::of_parts(parts);
        let compiled = Cell::new(false);
        let compile = || {
            let compiling = || {
                compiled.set(true);
                progress(Stage::Compile);
            };
            let bytes = read_file(&path)?;
            if Digest::of(&bytes) != digest {
                return Err(refuse(&name, "was changed while it was loaded; try again"));
            }
            compile(engine, cache, (key, &name), &bytes, compiling)
        };
        let Mapped { component, manifest, entries } =
            load((engine, memories), cache, key, &compiled, compile)?;
        held.extend(entries);
        Ok(Artifact { component, name, digest, compiled: compiled.get(), manifest, held })
    }

    /// The component of the function, built if it is a model folder, and shown to `require`.
    #[cfg_attr(not(feature = "compiler"), expect(unused_variables, reason = "nothing is built"))]
    fn file(
        &self,
        require: Option<&Policy>,
        cache: &Cache,
        progress: Progress<'_>,
    ) -> Result<ComponentFile> {
        match self {
            #[cfg(feature = "compiler")]
            Self::Model { .. } if matches!(require, Some(Policy::Signature { .. })) => {
                let reason = "is a model folder, which nobody signs; signatures are required: \
                              build a component from it, and sign that";
                Err(refuse(&self.to_string(), reason))
            }
            #[cfg(feature = "compiler")]
            Self::Model { folder, choices, guest, compute: ModelCompute::Guest(precision) } => {
                built((folder, choices), (guest, *precision), cache, progress)
            }
            #[cfg(feature = "compiler")]
            Self::Model { folder, choices, guest, compute: ModelCompute::Host(compute) } => {
                built_for_host((folder, choices), (guest, compute), cache, progress)
            }
            Self::Component(path) => {
                let held = cache.entry_at(path).into_iter().collect();
                let digest = match require {
                    Some(policy) => admitted(policy, path, &self.to_string())?,
                    None => cache.digest_of(std::slice::from_ref(path), || {
                        Ok(Digest::of(&read_file(path)?))
                    })?,
                };
                Ok(ComponentFile { path: path.clone(), digest, held })
            }
            Self::Fetched { name, component, held } => {
                let digest = match require {
                    Some(policy) => admitted(policy, &component.path, name)?,
                    None => component.digest,
                };
                let held = std::iter::once(component).chain(held).cloned().collect();
                Ok(ComponentFile { path: component.path.clone(), digest, held })
            }
        }
    }
}

/// The digest of the component called `name`, which shows what is asked of it.
fn admitted(policy: &Policy, path: &Path, name: &str) -> Result<Digest> {
    let component = read_file(path)?;
    let admitted = policy.admit(&component);
    admitted.map_err(|error| refuse(name, &error.to_string()))?;
    Ok(Digest::of(&component))
}
