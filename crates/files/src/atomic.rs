//! Atomic writes: a temporary file in the same folder is written, flushed and renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use tempfile::NamedTempFile;

/// Prefix of the names of temporary files.
pub const TEMPORARY_PREFIX: &str = ".pilotlight-tmp-";
const BLOCK: usize = 4096;

/// Users who can read a written file, regardless of the umask. Only its owner can write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    /// Everybody may read it (mode 644).
    Public,
    /// Only its owner may read it (mode 600), from its first byte on.
    OwnerOnly,
}

/// Writes a whole file or nothing, in the place of one that is there. Blocks of zeros become holes:
/// the memory image of a snapshot has long runs of them.
///
/// # Errors
/// The operating system's.
pub fn write_atomically(path: &Path, content: &[u8], access: FileAccess) -> io::Result<()> {
    let mut file = AtomicFile::in_folder(folder_of(path), access)?;
    file.write_sparse(content)?;
    file.commit(path)
}

/// A temporary file that gets its name when it is complete. Dropped before, it is removed.
///
/// It is locked while it is being written: one that nobody has locked was left by a process that
/// was killed.
#[derive(Debug)]
pub struct AtomicFile(NamedTempFile);

impl AtomicFile {
    /// An empty temporary file for `path`. Removes temporary files that killed processes left in
    /// that folder.
    ///
    /// # Errors
    /// The operating system's, and when `path` is a folder or has no file name.
    pub fn create(path: &Path, access: FileAccess) -> io::Result<Self> {
        if path.file_name().is_none() || path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is not a path of a file"));
        }
        let folder = folder_of(path);
        for entry in fs::read_dir(folder)?.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()) {
                remove_if_abandoned(&entry.path());
            }
        }
        Self::in_folder(folder, access)
    }

    /// An empty temporary file in `folder`, for a name that is not known yet.
    ///
    /// # Errors
    /// The operating system's.
    pub fn in_folder(folder: &Path, access: FileAccess) -> io::Result<Self> {
        let mode = match access {
            FileAccess::Public => 0o644,
            FileAccess::OwnerOnly => 0o600,
        };
        loop {
            let mut builder = tempfile::Builder::new();
            let file = builder
                .prefix(TEMPORARY_PREFIX)
                .permissions(fs::Permissions::from_mode(mode))
                .tempfile_in(folder)?;
            match file.as_file().try_lock() {
                // Removed as abandoned between its creation and its lock.
                Err(TryLockError::WouldBlock) => {}
                Ok(()) if file.as_file().metadata()?.nlink() == 0 => {}
                // Where nothing can be locked, nothing is removed as abandoned either.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self(file)),
            }
        }
    }

    /// Path of the temporary file.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives the file the owner and the group of the one at `path`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn take_owner_of(&self, path: &Path) -> io::Result<()> {
        let (old, new) = (fs::metadata(path)?, self.0.as_file().metadata()?);
        if (old.uid(), old.gid()) == (new.uid(), new.gid()) {
            return Ok(());
        }
        fchown(self.0.as_file(), Some(old.uid()), Some(old.gid()))
    }

    /// Flushes the file and renames it to `path`, which is in the same folder and is replaced.
    ///
    /// # Errors
    /// The operating system's; what was at `path` is still there, or the whole new file is.
    pub fn commit(self, path: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist(path).map_err(|error| error.error)?;
        File::open(folder_of(path))?.sync_all()
    }

    /// Flushes the file and renames it to `path`, which is in the same folder, unless a file is
    /// there.
    ///
    /// # Errors
    /// The operating system's.
    pub fn commit_new(self, path: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist_noclobber(path).map_err(|error| error.error)?;
        File::open(folder_of(path))?.sync_all()
    }

    fn write_sparse(&mut self, content: &[u8]) -> io::Result<()> {
        let file = self.0.as_file_mut();
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
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_file_mut().flush()
    }
}

/// Removes a temporary file that nobody is writing any more.
pub fn remove_if_abandoned(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    if file.try_lock().is_ok() {
        // Another process may have removed it already.
        let _ = fs::remove_file(path);
    }
}

fn zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
