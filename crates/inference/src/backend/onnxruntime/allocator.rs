//! Memory for what the library computes in between, kept by the thread that freed it.
//!
//! The library's own arena has one lock: with two threads that run a graph of many small
//! operators, waiting for it took a third of the time. Its other remedy, a plan for each shape of
//! inputs, keeps something for each length of text that ever came.

use std::alloc::Layout;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::NonNull;

use ort::AsPointer as _;
use ort::environment::Environment;
use ort::memory::MemoryInfo;
use ort::sys::{OrtAllocator, OrtMemoryInfo};

/// The oldest interface that knows [`OrtAllocator::Reserve`].
const VERSION: u32 = 18;
/// Wide enough for every vector instruction. In front of each block are as many bytes that say
/// how large it is.
const ALIGNMENT: usize = 64;
const SMALLEST_SHIFT: u32 = 8;
const LARGEST_SHIFT: u32 = 26;
/// Sizes between one power of two and the next: a block is at most a quarter too large.
const STEPS: usize = 4;
const CLASSES: usize = (LARGEST_SHIFT - SMALLEST_SHIFT) as usize * STEPS + 1;
/// Free bytes that a thread keeps.
const MOST_FREE: usize = 64 << 20;

/// What stands in front of a block.
#[derive(Clone, Copy)]
struct Header {
    /// Where it is kept when it is free; `None`, if it goes back to the system.
    class: Option<usize>,
    bytes: usize,
}

/// Blocks that lie free in a thread.
struct Free {
    classes: [Vec<NonNull<u8>>; CLASSES],
    bytes: usize,
}

thread_local! {
    static FREE: RefCell<Free> =
        const { RefCell::new(Free { classes: [const { Vec::new() }; CLASSES], bytes: 0 }) };
}

impl Drop for Free {
    fn drop(&mut self) {
        for block in self.classes.iter().flatten() {
            // SAFETY: free blocks belong to nobody else.
            unsafe { give_back(*block) };
        }
    }
}

/// The class of `bytes`, and how large its blocks are; `None` beyond the largest.
fn class(bytes: usize) -> Option<(usize, usize)> {
    let bytes = bytes.max(1 << SMALLEST_SHIFT);
    let shift = (bytes - 1).ilog2().max(SMALLEST_SHIFT);
    // A power of two is the last step of the one before it.
    let step = (1usize << shift) / STEPS;
    let steps = (bytes - (1 << shift)).div_ceil(step);
    let class = (shift - SMALLEST_SHIFT) as usize * STEPS + steps;
    (class < CLASSES).then(|| (class, (1 << shift) + steps * step))
}

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(ALIGNMENT)?, ALIGNMENT).ok()
}

/// A block from the system.
fn fetch(header: Header) -> Option<NonNull<u8>> {
    let layout = layout(header.bytes)?;
    // SAFETY: the layout has a size; the header fits in front of the block and is aligned.
    unsafe {
        let start = NonNull::new(std::alloc::alloc(layout))?;
        start.cast::<Header>().write(header);
        Some(start.add(ALIGNMENT))
    }
}

/// # Safety
/// `block` is one of [`fetch`] and still there.
unsafe fn header(block: NonNull<u8>) -> Header {
    // SAFETY: as promised by the caller.
    unsafe { block.sub(ALIGNMENT).cast::<Header>().read() }
}

/// # Safety
/// `block` is one of [`fetch`], and nobody uses it any more.
unsafe fn give_back(block: NonNull<u8>) {
    // SAFETY: as promised by the caller; the layout is that it was fetched with.
    unsafe {
        if let Some(layout) = layout(header(block).bytes) {
            std::alloc::dealloc(block.sub(ALIGNMENT).as_ptr(), layout);
        }
    }
}

/// At least `bytes` bytes, aligned.
fn take(bytes: usize) -> Option<NonNull<u8>> {
    let Some((class, size)) = class(bytes) else { return fetch(Header { class: None, bytes }) };
    // A thread that ends has no free blocks any more.
    let kept = FREE.try_with(|free| {
        let free = &mut *free.borrow_mut();
        let block = free.classes[class].pop()?;
        free.bytes -= size;
        Some(block)
    });
    kept.ok().flatten().or_else(|| fetch(Header { class: Some(class), bytes: size }))
}

/// Keeps `block` for later, as long as there is room.
///
/// # Safety
/// `block` is one of [`fetch`], and nobody uses it any more.
unsafe fn put(block: NonNull<u8>) {
    // SAFETY: as promised by the caller.
    let Header { class, bytes } = unsafe { header(block) };
    let keep = |class: usize| {
        FREE.try_with(|free| {
            let free = &mut *free.borrow_mut();
            let room = free.bytes + bytes <= MOST_FREE;
            if room {
                free.bytes += bytes;
                free.classes[class].push(block);
            }
            room
        })
    };
    if class.is_none_or(|class| !keep(class).unwrap_or(false)) {
        // SAFETY: as promised by the caller, and it was not kept.
        unsafe { give_back(block) };
    }
}

/// The library's view of it.
#[repr(C)]
struct Allocator {
    /// First, since the library hands its address back.
    functions: OrtAllocator,
    /// Describes the memory; valid for as long as the allocator.
    memory: *const OrtMemoryInfo,
}

impl Allocator {
    /// An allocator that is never freed. The pointer is to the whole of it, not to its first field
    /// alone, since [`info`] reads the other one through it.
    fn leak(memory: *const OrtMemoryInfo) -> *mut OrtAllocator {
        // SAFETY: all functions that this version has are given below.
        let mut functions = unsafe { OrtAllocator::default() };
        functions.version = VERSION;
        functions.Alloc = Some(alloc);
        functions.Free = Some(free);
        functions.Info = Some(info);
        functions.Reserve = Some(reserve);
        Box::into_raw(Box::new(Self { functions, memory })).cast()
    }
}

unsafe extern "system" fn alloc(_: *mut OrtAllocator, bytes: usize) -> *mut c_void {
    let block = if bytes == 0 { None } else { take(bytes) };
    block.map_or(std::ptr::null_mut(), |block| block.as_ptr().cast())
}

/// For weights, which stay: they would only be in the way of what comes and goes.
unsafe extern "system" fn reserve(_: *const OrtAllocator, bytes: usize) -> *mut c_void {
    let block = if bytes == 0 { None } else { fetch(Header { class: None, bytes }) };
    block.map_or(std::ptr::null_mut(), |block| block.as_ptr().cast())
}

unsafe extern "system" fn free(_: *mut OrtAllocator, block: *mut c_void) {
    if let Some(block) = NonNull::new(block.cast()) {
        // SAFETY: the library gives back what it was given, once.
        unsafe { put(block) };
    }
}

unsafe extern "system" fn info(allocator: *const OrtAllocator) -> *const OrtMemoryInfo {
    // SAFETY: the library passes the pointer that it was given, which is to the whole.
    unsafe { (*allocator.cast::<Allocator>()).memory }
}

/// Makes it the memory of all sessions of `environment` that ask for the environment's.
pub(super) fn register(environment: &Environment, memory: MemoryInfo<'static>) -> ort::Result<()> {
    // Both stay for as long as the environment, which is never released.
    let allocator = Allocator::leak(Box::leak(Box::new(memory)).ptr());
    // SAFETY: both pointers stay valid; the functions may be called by any thread.
    unsafe {
        let register = ort::api().RegisterAllocator;
        let environment = environment.ptr().cast_mut();
        ort::Error::result_from_status(register(environment, allocator))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_block_is_large_enough_and_little_larger(bytes in 1usize..(1 << LARGEST_SHIFT)) {
            let (class, size) = class(bytes).unwrap();
            prop_assert!(class < CLASSES && size >= bytes);
            prop_assert!(size <= 1 << SMALLEST_SHIFT || size <= bytes + bytes / 4 + 1, "{size}");
            prop_assert_eq!(super::class(size), Some((class, size)));
        }

        #[test]
        fn blocks_in_use_are_aligned_and_apart(
            steps in prop::collection::vec((1usize..200_000, any::<bool>(), any::<usize>()), 1..80),
        ) {
            let mut used: Vec<(NonNull<u8>, usize, u8)> = Vec::new();
            for (number, (bytes, release, which)) in steps.into_iter().enumerate() {
                if release && !used.is_empty() {
                    let (block, bytes, mark) = used.swap_remove(which % used.len());
                    // SAFETY: the block is of this test and so many bytes long.
                    let content = unsafe { std::slice::from_raw_parts(block.as_ptr(), bytes) };
                    prop_assert!(content.iter().all(|byte| *byte == mark));
                    // SAFETY: it is not used any more.
                    unsafe { put(block) };
                    continue;
                }
                let block = take(bytes).unwrap();
                prop_assert!(block.addr().get().is_multiple_of(ALIGNMENT));
                // SAFETY: as many bytes were asked for.
                unsafe { block.as_ptr().write_bytes(number as u8, bytes) };
                used.push((block, bytes, number as u8));
            }
            for (block, _, _) in used {
                // SAFETY: it is not used any more.
                unsafe { put(block) };
            }
        }
    }

    /// Miri refuses this where the pointer is to the first field alone.
    #[test]
    fn the_library_can_reach_the_whole_allocator_by_its_pointer() {
        let memory = NonNull::<OrtMemoryInfo>::dangling().as_ptr().cast_const();
        let allocator = Allocator::leak(memory);
        // SAFETY: the pointer is handed to the allocator's own functions, and freed once.
        unsafe {
            let OrtAllocator { version, Info: info, Alloc: alloc, Free: free, .. } = *allocator;
            assert_eq!(version, VERSION);
            assert_eq!(info.unwrap()(allocator), memory);
            let block = alloc.unwrap()(allocator, 100);
            block.cast::<u8>().write_bytes(7, 100);
            free.unwrap()(allocator, block);
            drop(Box::from_raw(allocator.cast::<Allocator>()));
        }
    }

    #[test]
    fn what_is_too_large_to_keep_goes_back() {
        assert_eq!(class((1 << LARGEST_SHIFT) + 1), None);
        let block = take((1 << LARGEST_SHIFT) + 1).unwrap();
        // SAFETY: it is used by nobody.
        unsafe { put(block) };
        assert_eq!(FREE.with(|free| free.borrow().bytes), 0);
        assert!(fetch(Header { class: None, bytes: usize::MAX }).is_none());
    }
}
