use std::io;
use std::ops::Range;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
};

use super::image::MemoryImage;
use super::pagemap::Pagemap;
use super::pages::round_up;

/// Address space between guards: accessible memory at its beginning, which can be made pristine
/// again, and room for it to grow.
#[derive(Debug)]
pub(super) struct Slot {
    start: NonNull<u8>,
    /// Bytes from `start` on, guards included.
    reserved: usize,
    /// First byte of the memory.
    base: NonNull<u8>,
    /// Bytes from `base` on that may become accessible.
    capacity: usize,
    /// Accessible bytes of a pristine slot.
    initial: usize,
    /// Accessible bytes now.
    accessible: usize,
    image: Option<Arc<MemoryImage>>,
}

// SAFETY: the slot owns its address space.
unsafe impl Send for Slot {}
// SAFETY: a shared slot only tells its address and sizes.
unsafe impl Sync for Slot {}

impl Slot {
    /// Reserves `capacity` bytes between two guards of `guard` bytes. The first `initial` bytes
    /// are accessible and hold `image`, and zeros after it.
    pub(super) fn new(
        capacity: usize,
        guard: usize,
        initial: usize,
        image: Option<Arc<MemoryImage>>,
    ) -> io::Result<Self> {
        let (capacity, guard, initial) = (round_up(capacity), round_up(guard), round_up(initial));
        if image.as_ref().is_some_and(|image| image.len() > initial) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let reserved = guard.checked_mul(2).and_then(|guards| guards.checked_add(capacity));
        let reserved = reserved.ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { mmap_anonymous(null_mut(), reserved, ProtFlags::empty(), flags) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: within the mapping.
        let base = unsafe { start.add(guard) };
        let mut slot = Self { start, reserved, base, capacity, initial, accessible: 0, image };
        slot.grow(initial)?;
        if let Some(image) = &slot.image {
            // SAFETY: the image is no longer than the slot, which nobody else knows of yet.
            unsafe { image.map_at(base) }?;
        }
        Ok(slot)
    }

    /// Address of the first byte.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Makes the first `size` bytes accessible.
    pub(super) fn grow(&mut self, size: usize) -> io::Result<()> {
        let size = round_up(size);
        if size > self.capacity {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if size > self.accessible {
            let access = MprotectFlags::READ | MprotectFlags::WRITE;
            self.protect(self.accessible..size, access)?;
            self.accessible = size;
        }
        Ok(())
    }

    /// Makes the slot what it was when it was new. Up to `keep` bytes that were written stay
    /// in memory, with their first contents written back; other pages are given back.
    pub(super) fn reset(&mut self, pagemap: Option<&Pagemap>, keep: usize) -> io::Result<()> {
        if self.accessible > self.initial {
            self.discard(self.initial..self.accessible)?;
            self.protect(self.initial..self.accessible, MprotectFlags::empty())?;
            self.accessible = self.initial;
        }
        let Some(pagemap) = pagemap else { return self.discard(0..self.initial) };
        let base = self.base.addr().get();
        let (mut kept, mut result) = (0, Ok(()));
        let scanned = pagemap.written(base..base + self.initial, |pages| {
            let pages = pages.start - base..pages.end - base;
            let fits = pages.len().min(keep - kept);
            self.write_back(pages.start..pages.start + fits);
            kept += fits;
            if let Err(error) = self.discard(pages.start + fits..pages.end) {
                result = Err(error);
            }
        });
        match scanned {
            Ok(()) => result,
            Err(_) => self.discard(0..self.initial),
        }
    }

    fn write_back(&self, range: Range<usize>) {
        // SAFETY: within the accessible bytes; its instance is gone, so nobody else uses them.
        let pages = unsafe {
            let start = self.base.add(range.start);
            std::slice::from_raw_parts_mut(start.as_ptr(), range.len())
        };
        let image = self.image.as_ref().map_or(&[][..], |image| image.bytes());
        let image = image.get(range.start..range.end.min(image.len())).unwrap_or_default();
        let (in_image, after) = pages.split_at_mut(image.len());
        in_image.copy_from_slice(image);
        after.fill(0);
    }

    /// Gives pages back to the kernel; they come again as they were mapped.
    fn discard(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: within the slot; its instance is gone, so nobody else uses it.
        unsafe {
            let start = self.base.add(range.start).as_ptr().cast();
            madvise(start, range.len(), Advice::LinuxDontNeed)
        }?;
        Ok(())
    }

    fn protect(&self, range: Range<usize>, access: MprotectFlags) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: within the slot.
        unsafe { mprotect(self.base.add(range.start).as_ptr().cast(), range.len(), access) }?;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; whoever drops the slot does not use its memory any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.reserved) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;

    use super::*;

    const PAGE: usize = 4096;
    const IMAGE: usize = 40 * PAGE + 100;
    const SIZE: usize = 4 << 20;
    const MARK: u8 = 0xa7;

    fn image() -> Arc<MemoryImage> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..IMAGE).map(|index| (index % 90) as u8).collect();
        file.write_all(&content).unwrap();
        Arc::new(MemoryImage::open(file.path()).unwrap())
    }

    fn slot() -> Slot {
        Slot::new(2 * SIZE, PAGE, SIZE, Some(image())).unwrap()
    }

    fn bytes(slot: &mut Slot) -> &mut [u8] {
        // SAFETY: accessible, and borrowed from the slot.
        unsafe { std::slice::from_raw_parts_mut(slot.base().as_ptr(), slot.accessible) }
    }

    fn assert_pristine(slot: &mut Slot) {
        assert_eq!(slot.accessible, SIZE);
        let (image, zeros) = bytes(slot).split_at(IMAGE);
        assert!(image.iter().enumerate().all(|(index, byte)| *byte == (index % 90) as u8));
        assert!(zeros.iter().all(|byte| *byte == 0));
    }

    /// Pages of a slot that are swapped out (Documentation/admin-guide/mm/pagemap.rst).
    fn swapped(slot: &Slot) -> usize {
        let pagemap = File::open("/proc/self/pagemap").unwrap();
        let mut entries = vec![0; slot.accessible / PAGE * 8];
        let offset = slot.base().addr().get() / PAGE * 8;
        pagemap.read_exact_at(&mut entries, offset as u64).unwrap();
        entries.chunks(8).filter(|entry| entry[7] & 0x40 != 0).count()
    }

    fn page_out(slot: &Slot) {
        // SAFETY: within the slot; contents are kept.
        unsafe { madvise(slot.base().as_ptr().cast(), slot.accessible, Advice::LinuxPageOut) }
            .unwrap();
    }

    #[test]
    fn a_new_slot_holds_its_image_and_zeros() {
        assert_pristine(&mut slot());
    }

    #[test]
    fn nothing_that_was_written_is_left() {
        let pagemap = Pagemap::open();
        for pagemap in [pagemap.as_ref(), None] {
            for keep in [0, 3 * PAGE, SIZE, usize::MAX] {
                let mut slot = slot();
                // Everything; every third page; one byte; nothing.
                for step in [1, 3 * PAGE, SIZE] {
                    bytes(&mut slot).iter_mut().step_by(step).for_each(|byte| *byte = MARK);
                    slot.reset(pagemap, keep).unwrap();
                    assert_pristine(&mut slot);
                }
                slot.reset(pagemap, keep).unwrap();
                assert_pristine(&mut slot);
            }
        }
    }

    #[test]
    fn what_was_grown_is_given_back() {
        let pagemap = Pagemap::open();
        let mut slot = slot();
        for _ in 0..2 {
            slot.grow(SIZE + 10 * PAGE).unwrap();
            bytes(&mut slot).fill(MARK);
            slot.reset(pagemap.as_ref(), SIZE).unwrap();
            assert_pristine(&mut slot);
        }
        slot.grow(SIZE + 10 * PAGE).unwrap();
        assert!(bytes(&mut slot)[SIZE..].iter().all(|byte| *byte == 0));
        assert!(slot.grow(2 * SIZE + 1).is_err());
    }

    #[test]
    fn nothing_that_was_swapped_out_is_left() {
        let Some(pagemap) = Pagemap::open() else { return };
        let mut slot = slot();
        for keep in [0, 16 * PAGE, usize::MAX] {
            bytes(&mut slot).fill(MARK);
            page_out(&slot);
            if swapped(&slot) == 0 {
                pilotlight_testing::skipped("no swap; `cargo xtask test` adds some as root");
                return;
            }
            slot.reset(Some(&pagemap), keep).unwrap();
            assert_pristine(&mut slot);
        }
    }

    #[test]
    fn pages_that_were_only_read_are_kept() {
        let Some(pagemap) = Pagemap::open() else { return };
        let mut slot = slot();
        let sum: u64 = bytes(&mut slot)[..IMAGE].iter().map(|byte| u64::from(*byte)).sum();
        assert!(sum > 0);
        bytes(&mut slot)[5 * PAGE] = MARK;
        let mut written = Vec::new();
        let base = slot.base().addr().get();
        let mut add = |pages: Range<usize>| written.push((pages.start - base, pages.end - base));
        pagemap.written(base..base + SIZE, &mut add).unwrap();
        assert_eq!(written, [(5 * PAGE, 6 * PAGE)]);
    }

    #[test]
    fn an_image_larger_than_the_memory_is_refused() {
        assert!(Slot::new(SIZE, PAGE, IMAGE - 2 * PAGE, Some(image())).is_err());
    }
}
