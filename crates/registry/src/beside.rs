//! A file that is whole when it appears.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file being written beside its place. Until it is kept, nothing is at that place but what was
/// there before; dropped, it is gone.
///
/// Its name depends on the place alone: what a killed process leaves is overwritten by the next.
#[derive(Debug)]
pub(crate) struct Beside {
    file: File,
    path: PathBuf,
    place: PathBuf,
    kept: bool,
}

impl Beside {
    /// Begins the file that is to be at `place`.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be created, or another process is writing it.
    pub(crate) fn new(place: &Path) -> Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(place.file_name().ok_or_else(|| not_a_file(place))?);
        name.push(".part");
        let path = place.with_file_name(name);
        if place.is_dir() {
            return Err(not_a_file(place));
        }
        let file = lock(&path).map_err(Error::io(&path))?;
        let beside = Self { file, path, place: place.to_owned(), kept: false };
        beside.file.set_len(0).map_err(Error::io(&beside.path))?;
        Ok(beside)
    }

    /// Where it is being written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it into its place, flushed to the disk.
    ///
    /// # Errors
    /// [`Error::Io`]; what was at its place is there still, or the whole file is.
    pub(crate) fn keep(mut self) -> Result<()> {
        self.file.sync_all().map_err(Error::io(&self.path))?;
        fs::rename(&self.path, &self.place).map_err(Error::io(&self.place))?;
        self.kept = true;
        let folder = match self.place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder))
    }
}

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing can be done if it does not go, and the next one overwrites it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn not_a_file(place: &Path) -> Error {
    Error::io(place)(io::Error::new(io::ErrorKind::IsADirectory, "is not the name of a file"))
}

/// Opens and locks the file at `path`. The lock goes with the process that holds it.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        // Its name can be guessed: a link there could lead to any file of ours.
        if fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()) {
            let reason = "is a symbolic link, and the component would be written to where it leads; \
                          remove it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        // For others to read, but nobody else's to write, whatever the umask.
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o644).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "another process is writing this file; wait until it has finished",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever held the lock before may have put the file into its place: then this is it.
        let held = file.metadata()?;
        let is_there = |there: fs::Metadata| (there.dev(), there.ino()) == (held.dev(), held.ino());
        if fs::symlink_metadata(path).is_ok_and(is_there) {
            return Ok(file);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use std::io::Write as _;

    use super::Beside;

    #[test]
    fn a_place_holds_the_old_file_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.wasm");
        std::fs::write(&place, "old").unwrap();
        let mut beside = Beside::new(&place).unwrap();
        beside.write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"old");
        beside.keep().unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_not_in_the_next_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.wasm");
        std::fs::write(folder.path().join(".a.wasm.part"), "half of something long").unwrap();
        let mut beside = Beside::new(&place).unwrap();
        beside.write_all(b"new").unwrap();
        beside.keep().unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_do_not_write_the_same_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.wasm");
        let first = Beside::new(&place).unwrap();
        let refused = Beside::new(&place).unwrap_err().to_string();
        assert!(refused.contains("another process"), "{refused}");
        drop(first);
        Beside::new(&place).unwrap();
    }

    #[test]
    fn a_link_that_somebody_left_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        std::fs::write(at("precious"), "precious").unwrap();
        for target in ["precious", "absent"] {
            std::os::unix::fs::symlink(target, at(".a.wasm.part")).unwrap();
            let refused = Beside::new(&at("a.wasm")).unwrap_err().to_string();
            assert!(refused.contains("symbolic link"), "{refused}");
            std::fs::remove_file(at(".a.wasm.part")).unwrap();
        }
        assert_eq!(std::fs::read(at("precious")).unwrap(), b"precious");
        assert!(!at("absent").exists());
    }

    #[test]
    fn a_folder_is_no_place_for_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for place in [folder.path(), std::path::Path::new("/"), std::path::Path::new("..")] {
            let refused = Beside::new(place).unwrap_err().to_string();
            assert!(refused.contains("not the name of a file"), "{refused}");
        }
    }
}
