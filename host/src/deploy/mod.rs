//! Versions of functions: load, warm up, smoke test, switch, roll back; admission control.
//!
//! Uses requests, the sandbox and the build crate; routing and the host use it. Knows neither
//! routes nor sockets.

mod admission;
mod crash_backoff;
mod deployment;
mod options;
mod sessions;
mod version;

pub use admission::AdmissionStatus;
pub use deployment::FunctionStatus;
pub(crate) use deployment::{Change, Deployment};
pub use options::FunctionOptions;
pub(crate) use sessions::SessionPlace;
pub use sessions::SessionStatus;
pub(crate) use version::{Declared, Version, short};
pub use version::{FailureCounts, FailureKind, NewVersion, VersionStatus};
