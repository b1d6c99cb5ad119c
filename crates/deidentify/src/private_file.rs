//! Files that only their owner can read.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::ring_error::RingError;

/// No ring is nearly as large.
const LARGEST: u64 = 1 << 20;

pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> RingError {
    move |source| RingError::Io { path: path.to_owned(), source }
}

/// The text of a file, in memory that is not moved and is overwritten when it is dropped.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, RingError> {
    let file = File::open(path).map_err(io(path))?;
    let metadata = file.metadata().map_err(io(path))?;
    let mode = metadata.mode() & 0o7777;
    // Kubernetes and systemd leave secrets to root and let a service read them by its group.
    let others = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if mode & others != 0 {
        return Err(RingError::Exposed { path: path.to_owned(), mode });
    }
    let too_large = || RingError::TooLarge { path: path.to_owned() };
    let length = Some(metadata.len()).filter(|length| *length <= LARGEST).ok_or_else(too_large)?;
    // With room for one byte more it is not moved to find its end.
    let mut text = Zeroizing::new(String::with_capacity(length as usize + 1));
    let read = file.take(length + 1).read_to_string(&mut text).map_err(io(path))?;
    if read as u64 > length {
        let source = io::Error::other("it grew while it was read; try again");
        return Err(io(path)(source));
    }
    Ok(text)
}

/// Writes a file where none is: whole or not at all.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), RingError> {
    let beside = beside(path, text).map_err(io(path))?;
    beside.persist_noclobber(path).map_err(|error| io(path)(error.error))?;
    flush_folder(path).map_err(io(path))
}

/// Writes a file where one is, of the same owner: whole or not at all.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), RingError> {
    let write = || {
        let beside = beside(path, text)?;
        let (old, new) = (fs::metadata(path)?, beside.as_file().metadata()?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            fchown(beside.as_file(), Some(old.uid()), Some(old.gid()))?;
        }
        beside.persist(path)?;
        flush_folder(path)
    };
    write().map_err(io(path))
}

fn beside(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let private = fs::Permissions::from_mode(0o600);
    let mut file = tempfile::Builder::new().permissions(private).tempfile_in(folder(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
