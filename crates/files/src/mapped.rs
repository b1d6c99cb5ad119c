//! Files mapped into memory: all that is unsafe about it.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Permissions of others than the owner to write.
const OTHERS_WRITE: u32 = 0o022;

/// The content of a file, mapped for reading. Processes that map the same file share its pages, which the system can drop
/// and read again.
#[derive(Debug)]
pub struct MappedFile {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is only read, and belongs to the process, not to a thread.
unsafe impl Send for MappedFile {}
// SAFETY: as above.
unsafe impl Sync for MappedFile {}

impl MappedFile {
    /// Maps the file at `path`, which must be one that is replaced as a whole ([`crate::write_atomically`]) and never
    /// changed or shortened in place.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::PermissionDenied`] if others than its owner may write the file, and
    /// [`io::ErrorKind::InvalidData`] if it is empty.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.mode() & OTHERS_WRITE != 0 {
            let reason = "is not a file that only its owner can write";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        let length = usize::try_from(metadata.len()).map_err(io::Error::other)?;
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "is empty"));
        }
        let (access, flags) = (ProtFlags::READ, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the system's choice.
        let start = unsafe { mmap(null_mut(), length, access, flags, &file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped as long as `self` lives; nobody changes the file, see `open`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and no borrow of its bytes outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}
