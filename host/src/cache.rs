//! Files that were expensive to make, kept by name in a folder that only its owner can write.
//!
//! Machine code is run straight from here, so a folder that somebody else may write to is
//! refused. An entry is a file and a record of its length and digest; both are written beside,
//! flushed and renamed, so a torn write is never taken for an entry.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

const BLOCK: usize = 4096;

/// A cache folder that has been checked.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    verify: bool,
}

/// A file of the cache and the digest of what was written to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the file lies.
    pub path: PathBuf,
    /// SHA-256 of its content, taken when it was written.
    pub digest: Digest,
}

#[derive(Serialize, Deserialize)]
struct Record {
    length: u64,
    sha256: Digest,
}

impl Cache {
    /// Opens `folder`, or the user's cache folder, and creates it if it is not there.
    ///
    /// # Errors
    /// [`Error::Cache`] when it cannot be created or others may write to it.
    pub fn open(folder: Option<PathBuf>) -> Result<Self> {
        let folder = match folder.or_else(default_folder) {
            Some(folder) => folder,
            None => {
                return Err(Error::Cache {
                    path: PathBuf::from("~/.cache/pilotlight"),
                    reason: "neither XDG_CACHE_HOME nor HOME is set".to_owned(),
                });
            }
        };
        let refuse = |reason: String| Error::Cache { path: folder.clone(), reason };
        create_private(&folder).map_err(|error| refuse(format!("cannot be created: {error}")))?;
        let metadata = fs::symlink_metadata(&folder).map_err(|error| refuse(error.to_string()))?;
        if !metadata.is_dir() {
            return Err(refuse("is not a folder".to_owned()));
        }
        check_private(&metadata).map_err(refuse)?;
        Ok(Self { folder, verify: false })
    }

    /// Reads every file again and compares digests, instead of trusting that what was whole when
    /// it was written, and has kept its size and times, is whole still.
    #[must_use]
    pub fn verifying(self) -> Self {
        Self { verify: true, ..self }
    }

    pub(crate) fn verifies(&self) -> bool {
        self.verify
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry called `name`; made by `build` if it is not there or not whole. Of several
    /// processes that ask at once, one builds and the others wait.
    ///
    /// # Errors
    /// Those of `build`, and [`Error::Cache`] when the entry cannot be written.
    pub fn get_or_build(
        &self,
        name: &str,
        build: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Entry> {
        if let Some(entry) = self.get(name) {
            return Ok(entry);
        }
        let lock = self.folder.join(format!("{name}.lock"));
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
        let lock = lock.map_err(|error| self.refuse(&error))?;
        lock.lock().map_err(|error| self.refuse(&error))?;
        match self.get(name) {
            Some(entry) => Ok(entry),
            None => self.put(name, &build()?),
        }
    }

    /// Removes an entry that turned out to be of no use.
    pub fn remove(&self, name: &str) {
        for path in [self.record(name), self.folder.join(name)] {
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "nothing to remove");
            }
        }
    }

    /// The entry called `name`, if it is there and whole.
    pub fn get(&self, name: &str) -> Option<Entry> {
        let record: Record = serde_json::from_slice(&fs::read(self.record(name)).ok()?).ok()?;
        let path = self.folder.join(name);
        let metadata = fs::symlink_metadata(&path).ok()?;
        let mut whole = metadata.is_file()
            && metadata.len() == record.length
            && check_private(&metadata).is_ok();
        if whole && self.verify {
            whole = Digest::of(&fs::read(&path).ok()?) == record.sha256;
        }
        whole.then_some(Entry { path, digest: record.sha256 })
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// [`Error::Cache`] when it cannot be written.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<Entry> {
        let write = || {
            let path = self.folder.join(name);
            let record = Record { length: content.len() as u64, sha256: Digest::of(content) };
            write_beside(&path, content)?;
            write_beside(&self.record(name), &serde_json::to_vec(&record)?)?;
            Ok(Entry { path, digest: record.sha256 })
        };
        write().map_err(|error| self.refuse(&error))
    }

    fn record(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    fn refuse(&self, error: &std::io::Error) -> Error {
        Error::Cache { path: self.folder.clone(), reason: error.to_string() }
    }
}

/// Writes a whole file or nothing: beside its place, flushed, then renamed.
///
/// # Errors
/// What the operating system says.
pub fn write_beside(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = new_file(folder)?;
    write_sparse(file.as_file_mut(), content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn new_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    // A built component is for others to read, but nobody else's to write, whatever the umask.
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o644)).tempfile_in(folder)
}

/// Leaves out blocks of zeros: the memory image of a snapshot has long runs of them.
fn write_sparse(file: &mut File, content: &[u8]) -> std::io::Result<()> {
    use std::io::{Seek as _, SeekFrom};
    for run in content.chunks(BLOCK).collect::<Vec<_>>().chunk_by(|a, b| zero(a) == zero(b)) {
        let length: usize = run.iter().map(|block| block.len()).sum();
        if run.first().is_some_and(|block| zero(block)) {
            file.seek(SeekFrom::Current(length as i64))?;
        } else {
            run.iter().try_for_each(|block| file.write_all(block))?;
        }
    }
    file.set_len(content.len() as u64)
}

fn zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn default_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(base.join("pilotlight"))
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn check_private(metadata: &Metadata) -> std::result::Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        return Err(format!("belongs to user {}, not to user {me} who runs this", metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("others may write to it, and code is run from it; run chmod go-w".to_owned());
    }
    Ok(())
}
