//! Memory of instances: address space that is mapped from an image and reused. A reset writes back only the pages that
//! the instance wrote, found in the kernel's page tables, so the next instance has neither page faults nor old data.
//! Used by `engine`, `component` and `pool`. Does not know guests or requests.

#![allow(unsafe_code, reason = "address space is mapped, and handed to Wasmtime")]

mod creator;
mod free;
mod image;
mod pagemap;
mod pages;
mod slot;
mod stack;

pub(crate) use creator::Creator;
pub use creator::MemorySlots;
pub use image::{InitialMemory, MemoryBounds, MemoryImage};
pub(crate) use stack::Stacks;
