use std::fs::File;
use std::io;
use std::path::Path;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use serde::{Deserialize, Serialize};

use super::pages::round_up;

/// Minimum and maximum of a linear memory, as its compiled module has them. They identify a memory of
/// a component when Wasmtime asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemoryBounds {
    /// Smallest size in pages of 64 KiB.
    pub minimum: u64,
    /// Largest size in the same pages, if the memory has one.
    pub maximum: Option<u64>,
}

/// What a memory starts with.
#[derive(Debug, Clone)]
pub struct InitialMemory {
    /// Size in pages of 64 KiB, at least the minimum of its bounds.
    pub pages: u64,
    /// Contents; zeros follow them.
    pub image: Arc<MemoryImage>,
}

/// Initial contents of a memory, in a file that is mapped and never read.
#[derive(Debug)]
pub struct MemoryImage {
    file: File,
    pristine: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is only read, and lives as long as the value.
unsafe impl Send for MemoryImage {}
// SAFETY: as above.
unsafe impl Sync for MemoryImage {}

impl MemoryImage {
    /// Maps the file at `path`, which only this user may write to and which is never truncated.
    ///
    /// # Errors
    /// When the file cannot be opened or mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let len = round_up(bytes);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { mmap(null_mut(), len, ProtFlags::READ, MapFlags::SHARED, &file, 0) }?;
        let pristine = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { file, pristine, len })
    }

    /// Length in bytes, in whole pages.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The contents.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for `len` bytes as long as `self` lives; see `open` about the file.
        unsafe { std::slice::from_raw_parts(self.pristine.as_ptr(), self.len) }
    }

    /// Maps a private copy over the address space at `base`.
    ///
    /// # Safety
    /// `base` must be followed by `len` bytes of address space that nobody else uses.
    pub(super) unsafe fn map_at(&self, base: NonNull<u8>) -> io::Result<()> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: the caller owns the address space that is replaced.
        unsafe { mmap(base.as_ptr().cast(), self.len, access, flags, &self.file, 0) }?;
        Ok(())
    }
}

impl Drop for MemoryImage {
    fn drop(&mut self) {
        // SAFETY: mapped by `open`, and no borrow of `bytes` outlives `self`.
        let _ = unsafe { munmap(self.pristine.as_ptr().cast(), self.len) };
    }
}
