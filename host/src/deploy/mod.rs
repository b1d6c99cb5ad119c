//! Versions of functions: loading, warm-up, smoke test, switch, rollback; admission control and crash backoff.
//! Used by `deidentification`, `routing`, `http`, `scrape`, `host` and `admin`. Does not know routes or sockets.

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
