use std::fs::File;
use std::io;
use std::ops::Range;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// Regions that one call reports.
const REGIONS: usize = 256;

/// Finds the pages of this process that were written, with the ioctl `PAGEMAP_SCAN` (Linux 6.7
/// and later; PAGEMAP_SCAN(2const)).
#[derive(Debug)]
pub(super) struct Pagemap(File);

/// Categories of `PAGEMAP_SCAN`.
const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const ZERO: u64 = 1 << 5;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

// SAFETY: opcode and layout are those of `struct pm_scan_arg` in linux/fs.h, and the kernel
// writes only to that structure and to the regions that it points to.
unsafe impl Ioctl for &mut Scan {
    type Output = usize;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Scan>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut rustix::ffi::c_void {
        std::ptr::from_mut::<Scan>(self).cast()
    }

    unsafe fn output_from_ptr(
        out: IoctlOutput,
        _: *mut rustix::ffi::c_void,
    ) -> rustix::io::Result<usize> {
        Ok(out.cast_unsigned() as usize)
    }
}

impl Pagemap {
    /// Opens the page map; `None` where the kernel cannot scan it.
    pub(super) fn open() -> Option<Self> {
        let pagemap = Self(File::open("/proc/self/pagemap").ok()?);
        pagemap.written(0..0, |_| {}).ok()?;
        Some(pagemap)
    }

    /// Reports runs of pages in `range` that are the process's own: copied on write, or zero
    /// when first touched.
    ///
    /// Such a page counts whether it is present, swapped out or about to be moved: only pages
    /// that are not there, or still the file's or the kernel's zeros, are as they were mapped.
    pub(super) fn written(
        &self,
        mut range: Range<usize>,
        mut each: impl FnMut(Range<usize>),
    ) -> io::Result<()> {
        let mut regions = [PageRegion::default(); REGIONS];
        loop {
            let mut scan = Scan {
                size: size_of::<Scan>() as u64,
                flags: 0,
                start: range.start as u64,
                end: range.end as u64,
                walk_end: 0,
                regions: regions.as_mut_ptr().addr() as u64,
                regions_len: regions.len() as u64,
                max_pages: 0,
                category_inverted: FILE | ZERO,
                category_mask: FILE | ZERO,
                category_anyof_mask: PRESENT | SWAPPED,
                return_mask: 0,
            };
            // SAFETY: see the implementation of `Ioctl`; `regions` outlives the call.
            let found = unsafe { ioctl(&self.0, &mut scan) }?;
            for region in regions.iter().take(found) {
                each(region.start as usize..region.end as usize);
            }
            range.start = scan.walk_end as usize;
            if range.start >= range.end {
                return Ok(());
            }
        }
    }
}
