//! The guest components that this build carries.

use std::borrow::Cow;
use std::path::Path;

use pilotlight_model::Digest;

use crate::error::{Error, Result};

/// A component as this build carries it: its bytes, deflated, and their digest.
struct Carried {
    deflated: &'static [u8],
    digest: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Which of them a model is loaded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The matrix work is done in the sandbox.
    InGuest(Target),
    /// Inference runs on the host, through `wasi:nn`. It needs everything that [`Target::Wasi03`]
    /// needs.
    OnHost,
}

/// WASI version and SIMD instructions of the hosts that run a component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Target {
    /// WASI 0.3 and relaxed SIMD.
    #[default]
    Wasi03,
    /// WASI 0.2 and relaxed SIMD.
    Wasi02,
    /// WASI 0.2, and of SIMD only what WebAssembly 2.0 has.
    Wasi02Simd128,
}

impl Variant {
    fn carried(self) -> Option<&'static Carried> {
        let carried = match self {
            Self::InGuest(Target::Wasi03) => &IN_GUEST,
            Self::InGuest(Target::Wasi02) => &IN_GUEST_P2,
            Self::InGuest(Target::Wasi02Simd128) => &IN_GUEST_P2_SIMD128,
            Self::OnHost => &ON_HOST,
        };
        carried.as_ref()
    }
}

/// A guest component: what a model is loaded into.
#[derive(Debug, Clone)]
pub struct Guest {
    component: Stored,
    digest: Digest,
}

#[derive(Debug, Clone)]
enum Stored {
    Deflated(&'static [u8]),
    Plain(Vec<u8>),
}

impl Guest {
    /// The guest in `file`, or else the one of this `variant` that this build carries.
    ///
    /// # Errors
    /// [`Error::NoGuest`] when there is neither, [`Error::Io`] when `file` cannot be read.
    pub fn open(file: Option<&Path>, variant: Variant) -> Result<Self> {
        if let Some(file) = file {
            return Ok(std::fs::read(file).map_err(Error::io(file))?.into());
        }
        let Carried { deflated, digest } = variant.carried().ok_or(Error::NoGuest)?;
        // The digest was taken when this was built: a start inflates and hashes nothing.
        match Digest::from_hex(digest) {
            Some(digest) => Ok(Self { component: Stored::Deflated(deflated), digest }),
            None => Ok(inflated(deflated)?.into()),
        }
    }

    /// The component's bytes.
    ///
    /// # Errors
    /// [`Error::Component`] when the program itself is damaged.
    pub fn component(&self) -> Result<Cow<'_, [u8]>> {
        match &self.component {
            Stored::Deflated(deflated) => inflated(deflated).map(Cow::Owned),
            Stored::Plain(component) => Ok(Cow::Borrowed(component)),
        }
    }

    /// SHA-256 of the component.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn inflated(deflated: &[u8]) -> Result<Vec<u8>> {
    miniz_oxide::inflate::decompress_to_vec(deflated).map_err(|error| Error::Component {
        name: "the guest in this program".to_owned(),
        reason: format!("damaged ({error}); reinstall the program"),
    })
}

impl From<Vec<u8>> for Guest {
    fn from(component: Vec<u8>) -> Self {
        let digest = Digest::of(&component);
        Self { component: Stored::Plain(component), digest }
    }
}
