//! Files of the host: atomic writes, files that only their owner may read, mapped files, file watching.
//!
//! Every crate that reads or writes files of users uses this crate; it uses no other.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod atomic;
#[allow(unsafe_code, reason = "mapped memory")]
mod mapped;
mod protected;
mod reload;
mod text_watcher;
mod watch;

pub use atomic::{AtomicFile, FileAccess, TEMPORARY_PREFIX, remove_if_abandoned, write_atomically};
pub use mapped::MappedFile;
pub use protected::{ProtectedFileError, Readers, read_list, read_secret};
pub use reload::Reloaded;
pub use text_watcher::{TextWatcher, Unreadable};
pub use watch::{FileCheck, FileWatcher, WATCH_INTERVAL};
