//! Wipes what is freed, and what is left on the stack, while the snapshot is being prepared, so that only
//! live memory ends up in it.
//!
//! Rust, wasi-libc and the component's ABI share C's allocator, and blocks that one of them
//! allocates are freed by another. So the linker puts these functions in the place of `free`
//! and `realloc` (`--wrap`, see `build.rs`).

#![allow(unsafe_code, reason = "speaks C")]

use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

unsafe extern "C" {
    fn __real_free(block: *mut c_void);
    fn __real_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn malloc(size: usize) -> *mut c_void;
    fn malloc_usable_size(block: *mut c_void) -> usize;
}

static WIPING: AtomicBool = AtomicBool::new(false);

/// Wipes every block freed while it lives.
pub(crate) struct Wiping(());

impl Wiping {
    pub(crate) fn start() -> Self {
        WIPING.store(true, Relaxed);
        Self(())
    }
}

impl Drop for Wiping {
    fn drop(&mut self) {
        WIPING.store(false, Relaxed);
    }
}

/// Bytes of the stack that are wiped: most of the mebibyte that the linker reserves for it.
const STACK: usize = 960 << 10;

/// Wipes what calls have left on the stack, such as metadata of files: it differs between copies of the
/// same folder, and would end up in the snapshot.
#[inline(never)]
pub(crate) fn wipe_stack() {
    let mut left = [0u8; STACK];
    black_box(&mut left);
}

/// C's `free`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_free(block: *mut c_void) {
    // SAFETY: `block` is null or a live block, all of which may be written until it is freed.
    unsafe {
        if WIPING.load(Relaxed) && !block.is_null() {
            block.write_bytes(0, malloc_usable_size(block));
        }
        __real_free(block);
    }
}

/// C's `realloc`, which while wiping always moves the block.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: `block` is null or a live block; the new block holds the bytes copied into it.
    unsafe {
        if !WIPING.load(Relaxed) || block.is_null() {
            return __real_realloc(block, size);
        }
        let moved = malloc(size);
        if !moved.is_null() {
            moved.copy_from_nonoverlapping(block, malloc_usable_size(block).min(size));
            __wrap_free(block);
        }
        moved
    }
}
