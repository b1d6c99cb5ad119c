//! Memory that two processes see: all that is unsafe about it.
//!
//! The other process may write it whenever it likes, so that no reference to its bytes is ever
//! formed: it is seen as atomic words, and copied in and out. Whoever may write is agreed on by
//! messages; who does not keep to it spoils his own values.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

const WORD: usize = size_of::<u64>();
/// Sizes are powers of two from here on.
const SMALLEST: usize = 1 << 16;

/// Memory shared with another process, mapped.
#[derive(Debug)]
pub(super) struct Region {
    start: NonNull<AtomicU64>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is only used atomically.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// New memory for `bytes` bytes or more, and what maps it elsewhere. Its size cannot be
    /// changed: nobody can take it away from under a reader.
    pub(super) fn create(bytes: usize) -> io::Result<(Self, OwnedFd)> {
        let bytes = bytes.max(SMALLEST).checked_next_power_of_two();
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        let file = memfd_create("pilotlight-tensors", sealable())?;
        ftruncate(&file, bytes as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok((Self::map(&file)?, file))
    }

    /// Maps what the other process has created.
    pub(super) fn map(file: &OwnedFd) -> io::Result<Self> {
        if !fcntl_get_seals(file)?.contains(SealFlags::SHRINK | SealFlags::GROW) {
            return Err(io::Error::other("memory whose size may change"));
        }
        let bytes = usize::try_from(fstat(file)?.st_size).unwrap_or(0);
        if bytes == 0 || !bytes.is_multiple_of(WORD) {
            return Err(io::Error::other(format!("memory of {bytes} bytes")));
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the system chooses where, so that nothing is there yet; the file has so many
        // bytes, and keeps them, as its seals say.
        let start =
            unsafe { mmap(std::ptr::null_mut(), bytes, access, MapFlags::SHARED, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, bytes })
    }

    /// Its size in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: so many bytes are mapped for as long as `self` lives, aligned to a page; what
        // another process does to them in the meantime, atomics allow for.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes / WORD) }
    }

    /// The words from byte `offset`, a multiple of eight, for `length` bytes.
    fn span(&self, offset: usize, length: usize) -> io::Result<&[AtomicU64]> {
        let end = offset.checked_add(length.next_multiple_of(WORD)).map(|end| end / WORD);
        let words = end.and_then(|end| self.words().get(offset / WORD..end));
        words.filter(|_| offset.is_multiple_of(WORD)).ok_or_else(|| {
            let all = self.bytes;
            io::Error::other(format!("{length} bytes at {offset} of a memory of {all}"))
        })
    }

    /// Copies `bytes` to byte `offset`.
    pub(super) fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let span = self.span(offset, bytes.len())?;
        let (whole, rest) = bytes.as_chunks::<WORD>();
        for (word, chunk) in span.iter().zip(whole) {
            word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
        }
        if let Some(last) = span.get(whole.len()) {
            let mut chunk = [0; WORD];
            chunk[..rest.len()].copy_from_slice(rest);
            last.store(u64::from_ne_bytes(chunk), Ordering::Relaxed);
        }
        fence(Ordering::Release);
        Ok(())
    }

    /// Fills `bytes` with what lies at byte `offset`.
    pub(super) fn read(&self, offset: usize, bytes: &mut [u8]) -> io::Result<()> {
        fence(Ordering::Acquire);
        let span = self.span(offset, bytes.len())?;
        let (whole, rest) = bytes.as_chunks_mut::<WORD>();
        let count = whole.len();
        for (word, chunk) in span.iter().zip(whole) {
            *chunk = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        if let Some(last) = span.get(count) {
            rest.copy_from_slice(&last.load(Ordering::Relaxed).to_ne_bytes()[..rest.len()]);
        }
        Ok(())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this size, and no reference to it is left.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        if let Err(error) = unmapped {
            tracing::warn!(%error, "shared memory stays mapped");
        }
    }
}

fn sealable() -> MemfdFlags {
    MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING
}

/// A file in memory with this content, which nobody can change.
pub(super) fn sealed(content: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("pilotlight-graph", sealable())?);
    file.write_all(content)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// The content of a [`sealed`] file.
pub(super) fn content(file: OwnedFd) -> io::Result<Vec<u8>> {
    let file = File::from(file);
    let length = usize::try_from(fstat(file.as_fd())?.st_size).unwrap_or(0);
    let mut content = vec![0; length];
    file.read_exact_at(&mut content, 0)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_one_writes_the_other_reads(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            word in 0usize..40,
        ) {
            let (ours, file) = Region::create(1).unwrap();
            let theirs = Region::map(&file).unwrap();
            ours.write(word * WORD, &bytes).unwrap();
            let mut read = vec![0xff; bytes.len()];
            theirs.read(word * WORD, &mut read).unwrap();
            prop_assert_eq!(read, bytes);
        }

        #[test]
        fn nothing_outside_is_touched(offset in any::<usize>(), length in 0usize..100) {
            let (region, _file) = Region::create(1).unwrap();
            let inside = offset.is_multiple_of(WORD)
                && offset.checked_add(length.next_multiple_of(WORD)).is_some_and(|end| end <= SMALLEST);
            prop_assert_eq!(region.write(offset, &vec![1; length]).is_ok(), inside);
            prop_assert_eq!(region.read(offset, &mut vec![1; length]).is_ok(), inside);
        }
    }

    #[test]
    fn its_size_is_as_it_was_whatever_the_other_process_does() {
        let (region, file) = Region::create(SMALLEST + 1).unwrap();
        assert_eq!(region.len(), 2 * SMALLEST);
        assert!(ftruncate(&file, 0).is_err());
        assert!(ftruncate(&file, 4 * SMALLEST as u64).is_err());
    }

    #[test]
    fn memory_that_could_be_taken_away_is_not_mapped() {
        let file = memfd_create("test", sealable()).unwrap();
        ftruncate(&file, SMALLEST as u64).unwrap();
        assert!(Region::map(&file).is_err());
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        assert!(Region::map(&file).is_ok());
        let empty = memfd_create("test", sealable()).unwrap();
        fcntl_add_seals(&empty, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        assert!(Region::map(&empty).is_err());
    }

    #[test]
    fn a_graph_in_memory_stays_what_it_is() {
        let file = sealed(b"a graph").unwrap();
        let mut writer = File::from(file.try_clone().unwrap());
        assert!(writer.write_all(b"another").is_err());
        assert_eq!(content(file.try_clone().unwrap()).unwrap(), b"a graph");
        assert_eq!(content(file).unwrap(), b"a graph");
    }
}
