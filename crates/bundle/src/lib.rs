//! A WebAssembly component with its manifest, its digest and its signatures at its end.
//!
//! A sealed component is a bundle. It stays a component: what is added are custom sections, which
//! hosts that know nothing of them skip. docs/bundle.md has the format byte by byte:
//!
//! ```text
//! the component as it was, to a byte
//! custom section `pilotlight`              the last but for signatures
//!     the manifest, any bytes
//!     SHA-256 of every byte of the file before it
//!     the 16 bytes `pilotlight-seal1`
//! custom section `pilotlight-signature`    none, one or several, each by another key
//!     SHA-256 of the public key's SubjectPublicKeyInfo
//!     Ed25519 signature of `pilotlight bundle sha256:HEX\n`, HEX being that SHA-256
//! ```
//!
//! Knows nothing of what a manifest says, nor of what runs a component.

mod bundle;
mod error;
mod key;
mod key_file;
mod policy;
mod seal;
mod section;
mod signature;

pub use bundle::Bundle;
pub use error::{Broken, Refused};
pub use key::{KeyError, KeyId, SigningKey, VerifyingKey};
pub use policy::Policy;
pub use seal::{seal, sign};
pub use signature::Signature;
