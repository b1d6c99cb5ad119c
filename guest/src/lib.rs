//! The Pilotlight guest: what runs in the sandbox.
//!
//! A request goes straight through [`service`] (which endpoint, which answer), [`pipeline`]
//! (tokenise, compute, decode) and back. Everything but the component's glue compiles and is
//! tested natively.

pub mod api;
pub mod compute;
pub mod decode;
pub mod load;
pub mod pipeline;
pub mod preinit;
pub mod redact;
pub mod service;
pub mod steps;
pub mod tensor;
pub mod tokenizer;
pub mod tokenizer_file;
pub mod words;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod heap;
