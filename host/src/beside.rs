//! Files that are whole when they appear: written beside their place, flushed, then renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// What names of files that are being written begin with.
pub(crate) const PREFIX: &str = ".beside-";
const BLOCK: usize = 4096;
/// For its owner alone.
const PRIVATE: u32 = 0o600;

/// Writes a whole file or nothing: beside its place, flushed, then renamed. A built component is
/// for others to read, but nobody else's to write, whatever the umask.
///
/// # Errors
/// What the operating system says.
pub fn write_beside(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with_mode(path, content, 0o644)
}

/// Like [`write_beside`], for a file that only its owner may read: it has that mode from its
/// first byte on, whatever the mode of a file that it replaces.
///
/// # Errors
/// What the operating system says.
pub(crate) fn write_private_beside(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with_mode(path, content, PRIVATE)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = new_file(folder, mode)?;
    write_sparse(file.as_file_mut(), content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// A file of its owner's that is written piece by piece, and gone unless it is kept.
pub(crate) struct Pieces(NamedTempFile);

impl Pieces {
    /// An empty file in `folder`.
    pub(crate) fn in_folder(folder: &Path) -> io::Result<Self> {
        new_file(folder, PRIVATE).map(Self)
    }

    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.0.as_file_mut().write_all(piece)
    }

    /// Gives it its name, in the same folder.
    pub(crate) fn keep(self, path: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist(path).map_err(|error| error.error)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// A file that is locked for as long as it is being written: one that nobody has locked was left
/// by a process that was killed.
fn new_file(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    loop {
        let mode = fs::Permissions::from_mode(mode);
        let file = tempfile::Builder::new().prefix(PREFIX).permissions(mode).tempfile_in(folder)?;
        match file.as_file().try_lock() {
            // Swept between its creation and its lock.
            Err(TryLockError::WouldBlock) => {}
            Ok(()) if file.as_file().metadata()?.nlink() == 0 => {}
            // Where nothing can be locked nothing is swept either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Removes `path` if it is a file that nobody is writing any more.
pub(crate) fn remove_if_left(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    if file.try_lock().is_ok() {
        // Somebody else may have been faster.
        let _ = fs::remove_file(path);
    }
}

/// Leaves out blocks of zeros: the memory image of a snapshot has long runs of them.
fn write_sparse(file: &mut File, content: &[u8]) -> io::Result<()> {
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
