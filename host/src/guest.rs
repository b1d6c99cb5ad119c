//! The guest components that this build carries: one computes in the sandbox, one on the host.

use std::borrow::Cow;
use std::path::Path;

use pilotlight_model::Digest;

use crate::error::{Error, Result};

include!(concat!(env!("OUT_DIR"), "/guest.rs"));

/// Where the matrix work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compute {
    /// In the sandbox, by the guest.
    Guest,
    /// On the host, through `wasi:nn`.
    Host,
}

/// A guest component: what a model is loaded into.
#[derive(Debug, Clone)]
pub struct Guest {
    component: Cow<'static, [u8]>,
    digest: Digest,
}

impl Guest {
    /// The guest in `file`, or else the one that this build carries and that computes where
    /// `compute` says.
    ///
    /// # Errors
    /// [`Error::NoGuest`] when there is neither, [`Error::Io`] when `file` cannot be read.
    pub fn open(file: Option<&Path>, compute: Compute) -> Result<Self> {
        let embedded = match compute {
            Compute::Guest => IN_GUEST,
            Compute::Host => ON_HOST,
        };
        match (file, embedded) {
            (Some(file), _) => Ok(std::fs::read(file).map_err(Error::io(file))?.into()),
            // The digest was taken when this was built: a start hashes nothing.
            (None, Some((component, digest))) => match Digest::from_hex(digest) {
                Some(digest) => Ok(Self { component: Cow::Borrowed(component), digest }),
                None => Ok(component.to_vec().into()),
            },
            (None, None) => Err(Error::NoGuest),
        }
    }

    /// The component's bytes.
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// SHA-256 of the component.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl From<Vec<u8>> for Guest {
    fn from(component: Vec<u8>) -> Self {
        let digest = Digest::of(&component);
        Self { component: Cow::Owned(component), digest }
    }
}
