//! Maps compiled components into the process.

#![allow(unsafe_code, reason = "Wasmtime cannot tell its own machine code from any other")]

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Entry;
use crate::error::{Error, Result};

/// Maps the machine code in `entry`.
///
/// # Errors
/// When the file was made by another version of Wasmtime, with other settings, or is damaged.
pub(crate) fn load(engine: &Engine, entry: &Entry) -> Result<Component> {
    // SAFETY: only this user can write to the cache (`Cache::open` checks), and what is written
    // there under this name came out of `Engine::precompile_component`.
    unsafe { Component::deserialize_file(engine, &entry.path) }
        .map_err(Error::runtime("mapping compiled code"))
}

/// Returns the memory that compiling took and that the allocator would keep.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator's own function; it may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
