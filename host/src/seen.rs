//! Remembers digests of files that have not changed since they were taken.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, write_beside};
use crate::error::{Error, Result};

/// A file that changed so shortly before it was read may change again without its times telling:
/// they advance with the kernel's clock tick, 10 ms at most.
const SETTLED: Duration = Duration::from_millis(50);

/// What changes with a file's content.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    path: PathBuf,
    device: u64,
    inode: u64,
    length: u64,
    modified_ns: i128,
    changed_ns: i128,
}

#[derive(Serialize, Deserialize)]
struct Seen {
    files: Vec<FileState>,
    digest: Digest,
}

impl Cache {
    /// What `digest` returns for `files`: from memory, if none of them has changed since it was
    /// called for them.
    ///
    /// # Errors
    /// Those of `digest`, and [`Error::Io`] naming a file that cannot be read.
    pub(crate) fn digest_of(
        &self,
        files: &[PathBuf],
        digest: impl FnOnce() -> Result<Digest>,
    ) -> Result<Digest> {
        let record = self.seen(files);
        let before = states(files)?;
        if !self.verifies()
            && let Some(digest) = recall(&record, &before)
        {
            return Ok(digest);
        }
        let settled = before.iter().all(|file| file.settled());
        let digest = digest()?;
        if settled && states(files)? == before {
            let seen = serde_json::to_vec(&Seen { files: before, digest }).unwrap_or_default();
            if let Err(error) = write_beside(&record, &seen) {
                tracing::debug!(%error, "a digest could not be remembered");
            }
        }
        Ok(digest)
    }

    fn seen(&self, files: &[PathBuf]) -> PathBuf {
        let parts = files.iter().map(|file| file.as_os_str().as_encoded_bytes());
        self.folder().join(format!("{}.seen", Digest::of_parts(parts)))
    }
}

fn recall(record: &Path, now: &[FileState]) -> Option<Digest> {
    let seen: Seen = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    (seen.files == now).then_some(seen.digest)
}

fn states(files: &[PathBuf]) -> Result<Vec<FileState>> {
    files.iter().map(|file| FileState::of(file)).collect()
}

impl FileState {
    fn of(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(Error::io(path))?;
        let nanoseconds = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Ok(Self {
            path: std::path::absolute(path).map_err(Error::io(path))?,
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    fn settled(&self) -> bool {
        let Ok(now) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) else {
            return false;
        };
        let latest = self.changed_ns.max(self.modified_ns);
        now.as_nanos().cast_signed() - latest > SETTLED.as_nanos().cast_signed()
    }
}
