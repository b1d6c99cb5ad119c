//! Remembers digests of files that have not changed since they were taken.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pilotlight_files::{FileAccess, write_atomically};
use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};

use super::Cache;
use crate::error::{Error, Result};

/// What files with a digest are called after their stem.
pub(super) const DIGESTS: &str = ".digest";

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
struct FileDigests {
    files: Vec<FileState>,
    digest: Digest,
}

impl Cache {
    /// Result of `digest` for `files`, from memory if none of them has changed since.
    ///
    /// # Errors
    /// Those of `digest`, and [`Error::Io`] naming a file that cannot be read.
    pub fn digest_of(
        &self,
        files: &[PathBuf],
        digest: impl FnOnce() -> Result<Digest>,
    ) -> Result<Digest> {
        self.digest_for("", files, digest)
    }

    /// The same, for one of several digests of `files`, by its purpose.
    ///
    /// # Errors
    /// Those of [`Cache::digest_of`].
    pub fn digest_for(
        &self,
        purpose: &str,
        files: &[PathBuf],
        digest: impl FnOnce() -> Result<Digest>,
    ) -> Result<Digest> {
        let record = self.digest_record(purpose, files);
        let before = states(files)?;
        if !self.verifies()
            && let Some(digest) = recall(&record, &before)
        {
            return Ok(digest);
        }
        let settled = before.iter().all(|file| file.settled());
        let digest = digest()?;
        if settled && states(files)? == before {
            let seen =
                serde_json::to_vec(&FileDigests { files: before, digest }).unwrap_or_default();
            if let Err(error) = write_atomically(&record, &seen, FileAccess::OwnerOnly) {
                tracing::debug!(%error, "a digest could not be stored in the digest cache");
            }
        }
        Ok(digest)
    }

    fn digest_record(&self, purpose: &str, files: &[PathBuf]) -> PathBuf {
        let files = files.iter().map(|file| file.as_os_str().as_encoded_bytes());
        let parts = std::iter::once(purpose.as_bytes()).chain(files);
        self.folder().join(format!("{}{DIGESTS}", Digest::of_parts(parts)))
    }
}

/// Whether what `record` remembers is of a file that is not there any more.
pub(super) fn is_outdated(record: &Path) -> bool {
    let seen =
        fs::read(record).ok().and_then(|text| serde_json::from_slice::<FileDigests>(&text).ok());
    !seen.is_some_and(|seen| seen.files.iter().all(|file| file.path.exists()))
}

fn recall(record: &Path, now: &[FileState]) -> Option<Digest> {
    let known: FileDigests = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    (known.files == now).then_some(known.digest)
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn cache(&self) -> Cache {
            Cache::open(Some(self.0.path().join("cache"))).unwrap()
        }

        /// Writes files and waits until their times would tell of another change.
        fn write(&self, contents: [&str; 2]) -> Vec<PathBuf> {
            let write = |(name, content)| {
                let path = self.0.path().join(name);
                fs::write(&path, content).unwrap();
                path
            };
            let files: Vec<_> = ["a", "b"].into_iter().zip(contents).map(write).collect();
            while !states(&files).unwrap().iter().all(FileState::settled) {
                std::thread::yield_now();
            }
            files
        }
    }

    fn folder() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn asked(cache: &Cache, files: &[PathBuf], answer: &str) -> (bool, Digest) {
        let mut asked = false;
        let digest = cache.digest_of(files, || {
            asked = true;
            Ok(Digest::of(answer.as_bytes()))
        });
        (asked, digest.unwrap())
    }

    #[test]
    fn files_that_have_not_changed_are_digested_once() {
        let folder = folder();
        let files = folder.write(["one", "two"]);
        let first = Digest::of(b"first");
        assert_eq!(asked(&folder.cache(), &files, "first"), (true, first));
        assert_eq!(asked(&folder.cache(), &files, "again"), (false, first));
        assert!(asked(&folder.cache(), &files[..1], "other files").0);
        assert!(asked(&folder.cache().verifying(), &files, "as asked").0);
    }

    #[test]
    fn a_change_of_any_file_is_noticed_even_if_its_length_stays() {
        let folder = folder();
        let files = folder.write(["one", "two"]);
        asked(&folder.cache(), &files, "first");
        for contents in [["one", "TWO"], ["ONE", "TWO"], ["one ", "TWO"]] {
            folder.write(contents);
            assert!(asked(&folder.cache(), &files, "changed").0, "{contents:?}");
            assert!(!asked(&folder.cache(), &files, "again").0);
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_digested_is_not_remembered() {
        let folder = folder();
        let files = folder.write(["one", "two"]);
        let cache = folder.cache();
        let during = || {
            fs::write(&files[0], "sudden").unwrap();
            Ok(Digest::of(b"of what was there before"))
        };
        cache.digest_of(&files, during).unwrap();
        assert!(asked(&cache, &files, "now").0);
    }

    #[test]
    fn an_absent_file_is_named() {
        let folder = folder();
        let absent = folder.0.path().join("absent");
        let error = folder.cache().digest_of(&[absent], || Ok(Digest::of(b""))).unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }
}
