//! What stands for the client in builds without it.

use std::time::Duration;

use super::{Change, ConsulError, ConsulOptions};

/// One key, followed; there is none in this build.
#[derive(Debug)]
pub enum Consul {}

impl Consul {
    /// Fails, because this build does not support Consul.
    ///
    /// # Errors
    /// [`ConsulError::NotBuilt`].
    pub fn new(_: ConsulOptions) -> Result<Self, ConsulError> {
        Err(ConsulError::NotBuilt)
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn wait(&mut self) -> Result<Change, ConsulError> {
        match *self {}
    }

    /// Is never called.
    pub fn pause(&self) -> Duration {
        match *self {}
    }
}
