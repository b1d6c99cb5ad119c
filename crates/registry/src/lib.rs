//! Pushes WebAssembly components to OCI registries and pulls them back; fetches models.
//!
//! What is stored is the artifact that the CNCF's Wasm working group describes ("Wasm OCI
//! Artifact layout"): a config of type `application/vnd.wasm.config.v0+json` and the component,
//! untouched, as the one layer of type `application/wasm`. Whoever reads that layout reads ours.
//! A pull follows an index to the one manifest in it that is for WebAssembly.
//!
//! The graph that the host computes for a component has a manifest of its own, which refers to that of
//! the component; annotations of the component's manifest name its blob.
//!
//! A push sends the component, then the config, then the manifest that names both. One that is
//! stopped on its way leaves at most a blob that no manifest refers to: the tag still names what
//! it named, the next push goes on from there, and the registry's garbage collection removes it.
//!
//! A [`Hub`] fetches model folders from Hugging Face's Hub, or from a server that speaks its protocol.
//!
//! Calls block; an asynchronous caller gives them a thread of their own.

mod artifact;
mod authorization;
mod challenge;
mod connection;
mod credentials;
mod error;
mod graph;
mod hub;
mod index;
mod pull;
mod push;
mod reference;
mod refusal;
mod remote;
mod url;

pub use artifact::{Annotations, Blob};
pub use credentials::{Credentials, Sources};
pub use error::{Error, Result};
pub use hub::{Fetched, FileProgress, Hub, HubModel};
pub use pilotlight_model::Digest;
pub use pilotlight_secret::Secret;
pub use pull::{Found, Limits, Pulled};
pub use push::Pushed;
pub use reference::Reference;
pub use remote::Remote;

/// Told how many bytes of how many have been moved, as they move.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
