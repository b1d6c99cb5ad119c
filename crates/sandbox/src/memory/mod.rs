//! Memory of instances: slots of address space that stay warm from one instance to the next.
//!
//! A slot is made pristine by writing back the pages that its instance wrote, found in the
//! kernel's page tables, instead of throwing all of its pages away. So the next instance meets
//! neither page faults nor a byte of the former.

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
