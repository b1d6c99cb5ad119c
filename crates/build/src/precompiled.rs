//! Files of compiled components: machine code and initial memories for one kind of processor. Such a file is a component
//! without content that is sealed and signed like any other: custom sections hold the code and the memories, and the
//! sealed manifest says what was compiled.
//! Used by `compiled`, `inspect` and `precompile`. Does not know the cache.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use pilotlight_bundle::Bundle;
use pilotlight_model::Digest;
use pilotlight_sandbox::engine::WASMTIME_VERSION;
use pilotlight_sandbox::{MemoryBounds, Processor};
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

use crate::component_file::{VERSION, refuse};
use crate::error::{Error, Result};
use crate::manifest::BundleManifest;

/// Extension of files of compiled components.
pub const COMPILED_EXTENSION: &str = "cwasm";

/// Name of the custom section with the machine code.
pub(crate) const CODE: &str = "pilotlight-code";
/// Name of the custom sections with the initial contents of memories.
pub(crate) const MEMORY: &str = "pilotlight-memory";
/// Key of [`Compilation`] in the sealed manifest, beside those of the component's own manifest.
#[cfg(feature = "compiler")]
pub(crate) const KEY: &str = "compiled";

/// What a compiled component was compiled from, and what its machine code needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Compilation {
    /// SHA-256 of the component.
    pub component: Digest,
    /// Version of Pilotlight, and of the form of its snapshots.
    pub pilotlight: String,
    /// Version of Wasmtime.
    pub wasmtime: String,
    /// Architecture of the processor, as Rust calls it.
    pub architecture: String,
    /// Features that the processor needs, as Rust calls them.
    pub features: Vec<String>,
    /// Memories with contents, in the order of their sections.
    pub(crate) memories: Vec<MemoryStart>,
}

/// A memory at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemoryStart {
    /// As the machine code has them.
    pub(crate) bounds: MemoryBounds,
    /// Its size.
    pub(crate) pages: u64,
}

/// The sealed manifest, as far as it is read here.
#[derive(Deserialize)]
struct Sealed {
    compiled: Compilation,
}

/// The content of a file.
pub(crate) struct Precompiled<'a> {
    pub(crate) compilation: Compilation,
    pub(crate) manifest: Option<BundleManifest>,
    pub(crate) code: &'a [u8],
    pub(crate) memories: Vec<&'a [u8]>,
}

impl Compilation {
    /// What the program that runs compiles a component with this digest to.
    #[cfg(feature = "compiler")]
    pub(crate) fn of(component: Digest, processor: &Processor) -> Self {
        Self {
            component,
            pilotlight: VERSION.to_owned(),
            wasmtime: WASMTIME_VERSION.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            features: processor.features().map(str::to_owned).collect(),
            memories: Vec::new(),
        }
    }

    /// What a bundle says, if it is a compiled component.
    pub(crate) fn of_bundle(bundle: &Bundle<'_>) -> Option<Self> {
        let sealed: Sealed = serde_json::from_slice(bundle.manifest()).ok()?;
        Some(sealed.compiled)
    }

    /// Why this program or this processor cannot run it, in words.
    fn check(&self) -> std::result::Result<(), String> {
        let Self { pilotlight, wasmtime, architecture, features, .. } = self;
        if (&**pilotlight, &**wasmtime) != (VERSION, WASMTIME_VERSION) {
            return Err(format!(
                "was compiled by Pilotlight {pilotlight} with Wasmtime {wasmtime}, and this is Pilotlight \
                 {VERSION} with Wasmtime {WASMTIME_VERSION}; compile it with `pilotlight compile` of \
                 this version"
            ));
        }
        if architecture != std::env::consts::ARCH {
            let here = std::env::consts::ARCH;
            return Err(format!(
                "was compiled for {architecture}, and this processor is {here}; compile it on a \
                 machine of this kind"
            ));
        }
        let processor = Processor::native();
        let missing = processor.missing(features.iter().map(String::as_str));
        if !missing.is_empty() {
            return Err(format!(
                "needs a processor with {}, which this one does not have; compile it with another --target",
                missing.join(", ")
            ));
        }
        Ok(())
    }
}

impl<'a> Precompiled<'a> {
    /// Reads a file that this program can run here.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub(crate) fn read(file: &'a [u8]) -> std::result::Result<Self, String> {
        let bundle = Bundle::read(file).map_err(|error| error.to_string())?;
        let compilation = bundle.as_ref().and_then(Compilation::of_bundle);
        let (Some(bundle), Some(compilation)) = (bundle, compilation) else {
            return Err("is not a compiled component; `pilotlight compile` writes them".to_owned());
        };
        compilation.check()?;
        let (mut code, mut memories) = (None, Vec::new());
        for payload in Parser::new(0).parse_all(bundle.component()) {
            let payload = payload.map_err(|error| error.to_string())?;
            let Payload::CustomSection(section) = payload else { continue };
            match section.name() {
                CODE => code = Some(section.data()),
                MEMORY => memories.push(section.data()),
                _ => {}
            }
        }
        let whole = code.filter(|_| memories.len() == compilation.memories.len());
        let code = whole.ok_or("lacks machine code or memories; compile the component again")?;
        Ok(Self { manifest: BundleManifest::of_bundle(&bundle), compilation, code, memories })
    }
}

/// Reads a file whose machine code is trusted as the program is.
///
/// # Errors
/// [`Error::Component`] when others could have written it, and [`Error::Io`].
pub(crate) fn read_trusted(path: &Path) -> Result<Vec<u8>> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let metadata = file.metadata().map_err(Error::io(path))?;
    check_owner(&metadata).map_err(|reason| refuse(&path.display().to_string(), &reason))?;
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(Error::io(path))?;
    Ok(content)
}

/// Checks that nobody but this user and root can have written a file.
///
/// # Errors
/// As for [`read_trusted`].
pub(crate) fn check_trusted(path: &Path) -> Result<()> {
    let metadata = std::fs::metadata(path).map_err(Error::io(path))?;
    check_owner(&metadata).map_err(|reason| refuse(&path.display().to_string(), &reason))
}

fn check_owner(metadata: &Metadata) -> std::result::Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    if owner != me && owner != 0 {
        return Err(format!(
            "belongs to user {owner}, but machine code in it is executed; it has to belong to the current \
             user {me} or to root"
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        let reason =
            "other users can write to it, but machine code in it is executed; run chmod go-w";
        return Err(reason.to_owned());
    }
    Ok(())
}
