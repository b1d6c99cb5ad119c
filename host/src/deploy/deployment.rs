//! A function: the version that serves, and the one before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use pilotlight_model::Digest;
use pilotlight_router::VersionName;
use serde::Serialize;

use super::version::{Version, VersionStatus};
use crate::error::{Error, Result};

/// The versions of a function. Whoever was given one keeps it until he is done.
pub(crate) struct Deployment {
    name: String,
    versions: RwLock<Versions>,
    /// While a version is made ready: one change after the other.
    changing: AtomicBool,
}

/// Versions of a function; those that have been replaced are worth dropping elsewhere: unmapping
/// code and unloading a graph takes milliseconds.
#[derive(Clone)]
pub(crate) struct Versions {
    current: Arc<Version>,
    previous: Option<Arc<Version>>,
    changes: u64,
}

/// Status of a function.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FunctionStatus {
    /// Name.
    pub name: String,
    /// The version that serves.
    pub current: VersionStatus,
    /// The version that a rollback would bring back.
    pub previous: Option<VersionStatus>,
    /// Number of changes of version.
    pub changes: u64,
    /// Whether a version is being made ready.
    pub changing: bool,
}

impl Deployment {
    pub(crate) fn new(name: String, version: Arc<Version>) -> Self {
        let versions = Versions { current: version, previous: None, changes: 0 };
        Self { name, versions: RwLock::new(versions), changing: AtomicBool::new(false) }
    }

    /// The version that serves.
    pub(crate) fn current(&self) -> Arc<Version> {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&versions.current)
    }

    /// The version called `name`, if there is one.
    pub(crate) fn find(&self, name: &VersionName) -> Option<Arc<Version>> {
        let Versions { current, previous, .. } = self.versions();
        match name {
            VersionName::Current => Some(current),
            VersionName::Previous => previous,
            VersionName::Digest(digits) => {
                let mut versions = [Some(current), previous].into_iter().flatten();
                versions.find(|version| version.digest().to_string().starts_with(digits))
            }
        }
    }

    /// The right to change the version; nobody else has it meanwhile.
    ///
    /// # Errors
    /// [`Error::Changing`].
    pub(crate) fn begin(&self) -> Result<Change<'_>> {
        match self.changing.swap(true, Ordering::AcqRel) {
            false => Ok(Change(self)),
            true => Err(Error::Changing { name: self.name.clone() }),
        }
    }

    pub(crate) fn status(&self) -> FunctionStatus {
        let Versions { current, previous, changes } = self.versions();
        FunctionStatus {
            name: self.name.clone(),
            current: current.status(),
            previous: previous.map(|version| version.status()),
            changes,
            changing: self.changing.load(Ordering::Acquire),
        }
    }

    fn versions(&self) -> Versions {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the previous version and the current one change places, also while another is made ready:
    /// that one takes over when it is.
    ///
    /// # Errors
    /// [`Error::NoPrevious`].
    pub(crate) fn roll_back(&self) -> Result<Digest> {
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        let Versions { current, previous, changes } = &mut *versions;
        let previous =
            previous.as_mut().ok_or_else(|| Error::NoPrevious { name: self.name.clone() })?;
        std::mem::swap(current, previous);
        *changes += 1;
        Ok(current.digest())
    }
}

/// The right to change the version of a function, given up when dropped.
pub(crate) struct Change<'a>(&'a Deployment);

impl Change<'_> {
    pub(crate) fn function(&self) -> &str {
        &self.0.name
    }

    /// Has `version` take over from the current one, which becomes the previous; returns what there
    /// was before.
    pub(crate) fn to(self, version: Arc<Version>) -> Versions {
        let mut versions = self.0.versions.write().unwrap_or_else(PoisonError::into_inner);
        let Versions { current, previous, changes } = versions.clone();
        // The same again, loaded with other options: what was before it is still what was before.
        let same = current.digest() == version.digest();
        let before = if same { previous } else { Some(current) };
        // What has not shown what is asked for now must not come back.
        let previous = before.filter(|before| version.asks_no_more_than(before));
        let next = Versions { current: version, previous, changes: changes + 1 };
        std::mem::replace(&mut *versions, next)
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.changing.store(false, Ordering::Release);
    }
}
