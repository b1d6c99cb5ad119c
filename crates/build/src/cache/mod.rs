//! Cache folder for files that are expensive to create, with atomic writes, digests, and eviction under one lock per name
//! stem. It refuses a folder that other users can write to, because the host executes machine code from it.
//! Used by every module above it. Does not know the content of entries.

mod digests;
mod eviction;
mod weights;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use pilotlight_files::{AtomicFile, FileAccess, write_atomically};
use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// What records are called after the name of their entry.
const RECORD: &str = ".json";
/// What locks are called after the stem of what is written under them.
const LOCK: &str = ".lock";
/// Disk space that a cache may take unless it is told.
const BOUND: u64 = 2 << 30;

/// A cache folder that has been checked.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    verify: bool,
    bound: u64,
}

/// A file of the cache and the digest of what was written to it. It is not evicted while somebody
/// has it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the file lies.
    pub path: PathBuf,
    /// SHA-256 of its content, taken when it was written.
    pub digest: Digest,
    /// Its record, locked.
    _held: Option<Arc<File>>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.digest) == (&other.path, other.digest)
    }
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
        Ok(Self { folder, verify: false, bound: BOUND })
    }

    /// Lets it take so many bytes of the disk, or as many as what is in use takes; 2 GiB unless
    /// told. [`Cache::evict`] keeps to it.
    #[must_use]
    pub fn bounded(self, bytes: u64) -> Self {
        Self { bound: bytes, ..self }
    }

    /// Reads every file again and compares digests, instead of trusting that what was whole when
    /// it was written, and has kept its size and times, is whole still.
    #[must_use]
    pub fn verifying(self) -> Self {
        Self { verify: true, ..self }
    }

    fn verifies(&self) -> bool {
        self.verify
    }

    /// Path of the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn bound(&self) -> u64 {
        self.bound
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
        self.get_or_make(name, || self.put(name, &build()?))
    }

    /// As [`Self::get_or_build`], for content that `write` writes in pieces.
    ///
    /// # Errors
    /// Those of `write`, and [`Error::Cache`] when the entry cannot be written.
    fn get_or_receive(
        &self,
        name: &str,
        write: impl FnOnce(&mut Incoming) -> Result<()>,
    ) -> Result<Entry> {
        self.get_or_make(name, || {
            let mut incoming = self.receive()?;
            write(&mut incoming)?;
            incoming.place(name)
        })
    }

    /// The entry called `name`, or the one that `make` creates while nobody else can write it.
    fn get_or_make(&self, name: &str, make: impl FnOnce() -> Result<Entry>) -> Result<Entry> {
        if let Some(entry) = self.get(name) {
            return Ok(entry);
        }
        let _lock = self.lock(stem(name)).map_err(|error| self.refuse(&error))?;
        match self.get(name) {
            Some(entry) => Ok(entry),
            None => make(),
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
        let file = hold(&self.record(name))?;
        let record: Record = serde_json::from_reader(&file).ok()?;
        let path = self.folder.join(name);
        let metadata = fs::symlink_metadata(&path).ok()?;
        let mut whole = metadata.is_file()
            && metadata.len() == record.length
            && check_private(&metadata).is_ok();
        if whole && self.verify {
            whole = Digest::of(&fs::read(&path).ok()?) == record.sha256;
        }
        // What was used least recently is evicted first; where that cannot be noted, what is oldest.
        let _ = file.set_modified(SystemTime::now());
        whole.then(|| Entry { path, digest: record.sha256, _held: Some(Arc::new(file)) })
    }

    /// The entry whose file `path` is, if it is one.
    pub fn entry_at(&self, path: &Path) -> Option<Entry> {
        self.get(path.strip_prefix(&self.folder).ok()?.to_str()?)
    }

    /// Writes an entry. Only its owner may read it: a configuration may hold secrets.
    ///
    /// # Errors
    /// [`Error::Cache`] when it cannot be written.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<Entry> {
        let write = || {
            let path = self.folder.join(name);
            let record = Record { length: content.len() as u64, sha256: Digest::of(content) };
            write_atomically(&path, content, FileAccess::OwnerOnly)?;
            write_atomically(
                &self.record(name),
                &serde_json::to_vec(&record)?,
                FileAccess::OwnerOnly,
            )?;
            let held = hold(&self.record(name)).map(Arc::new);
            Ok(Entry { path, digest: record.sha256, _held: held })
        };
        write().map_err(|error| self.refuse(&error))
    }

    /// An entry whose content comes in pieces, and whose name follows from it.
    ///
    /// # Errors
    /// [`Error::Cache`] when nothing can be written.
    pub fn receive(&self) -> Result<Incoming> {
        let file = AtomicFile::in_folder(&self.folder, FileAccess::OwnerOnly);
        let file = file.map_err(|error| self.refuse(&error))?;
        let (cache, hash) = (self.clone(), Sha256::new());
        Ok(Incoming { cache, file, hash, length: 0 })
    }

    fn record(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{RECORD}"))
    }

    /// Waits for the right to write entries of `stem`.
    fn lock(&self, stem: &str) -> io::Result<File> {
        loop {
            let lock = self.open_lock(stem)?;
            lock.lock()?;
            if is_there(&lock) {
                return Ok(lock);
            }
        }
    }

    /// The right to write entries of `stem`, unless somebody has it.
    fn try_lock(&self, stem: &str) -> Option<File> {
        let lock = self.open_lock(stem).ok()?;
        lock.try_lock().ok()?;
        is_there(&lock).then_some(lock)
    }

    fn open_lock(&self, stem: &str) -> io::Result<File> {
        let path = self.folder.join(format!("{stem}{LOCK}"));
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
    }

    fn refuse(&self, error: &io::Error) -> Error {
        Error::Cache { path: self.folder.clone(), reason: error.to_string() }
    }
}

impl Write for Incoming {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        Self::write(self, piece).map_err(io::Error::other)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An entry that is being received; nothing of it is left unless it is kept.
pub struct Incoming {
    cache: Cache,
    file: AtomicFile,
    hash: Sha256,
    length: u64,
}

impl Incoming {
    /// Adds a piece.
    ///
    /// # Errors
    /// [`Error::Cache`] when it cannot be written.
    pub fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.hash.update(piece);
        self.length += piece.len() as u64;
        self.file.write_all(piece).map_err(|error| self.cache.refuse(&error))
    }

    /// Stores it as the entry with its digest as a name, unless there is one.
    ///
    /// # Errors
    /// [`Error::Cache`] when it cannot be written.
    pub fn keep(self, extension: &str) -> Result<Entry> {
        let name = format!("{}.{extension}", self.digest());
        self.keep_as(&name)
    }

    /// Stores it as the entry called `name`, unless there is one with the same content.
    ///
    /// # Errors
    /// [`Error::Cache`] when it cannot be written.
    pub fn keep_as(self, name: &str) -> Result<Entry> {
        let sha256 = self.digest();
        let _lock = self.cache.lock(stem(name)).map_err(|error| self.cache.refuse(&error))?;
        match self.cache.get(name).filter(|entry| entry.digest == sha256) {
            Some(entry) => Ok(entry),
            None => self.place(name),
        }
    }

    /// Stores it as the entry called `name`, for whoever may write entries of its stem.
    fn place(self, name: &str) -> Result<Entry> {
        let sha256 = self.digest();
        let Self { cache, file, length, .. } = self;
        let place = || {
            let path = cache.folder.join(name);
            file.commit(&path)?;
            let record = Record { length, sha256 };
            write_atomically(
                &cache.record(name),
                &serde_json::to_vec(&record)?,
                FileAccess::OwnerOnly,
            )?;
            let held = hold(&cache.record(name)).map(Arc::new);
            Ok(Entry { path, digest: sha256, _held: held })
        };
        place().map_err(|error: io::Error| cache.refuse(&error))
    }

    /// Digest of what was written so far.
    fn digest(&self) -> Digest {
        Digest::from(<[u8; 32]>::from(self.hash.clone().finalize()))
    }
}

/// What entries that belong together have in common.
fn stem(name: &str) -> &str {
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

/// Opens a record and keeps it from being evicted; `None` if it has just been.
fn hold(record: &Path) -> Option<File> {
    let file = File::open(record).ok()?;
    // Where nothing can be locked nothing is evicted.
    let _ = file.lock_shared();
    is_there(&file).then_some(file)
}

/// Whoever had a file locked before may have evicted it.
fn is_there(locked: &File) -> bool {
    locked.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
}

fn default_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(base.join("pilotlight"))
}

fn create_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn check_private(metadata: &Metadata) -> std::result::Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        return Err(format!("belongs to user {}, not to the current user {me}", metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(
            "other users can write to it, but machine code in it is executed; run chmod go-w"
                .to_owned(),
        );
    }
    Ok(())
}
