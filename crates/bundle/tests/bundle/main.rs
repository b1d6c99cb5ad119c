//! Bundles as they should and should not be.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod by_hand;
mod damage;
mod keys;
mod policies;
mod seals;
mod signatures;

use pilotlight_bundle::{SigningKey, VerifyingKey};

/// A component that OpenSSL and a script of a few lines sealed and signed, with `first`, then also
/// with `second`.
const UNSEALED: &[u8] = include_bytes!("../../../../fuzz/seeds/bundle/unsealed");
const SEALED: &[u8] = include_bytes!("../../../../fuzz/seeds/bundle/sealed");
const SIGNED: &[u8] = include_bytes!("../../../../fuzz/seeds/bundle/signed");
const SIGNED_TWICE: &[u8] = include_bytes!("../../../../fuzz/seeds/bundle/signed-twice");
const MANIFEST: &[u8] = br#"{"model":"test"}"#;

/// Length of a signature with its section.
const SIGNATURE: usize = 119;

fn first() -> SigningKey {
    SigningKey::from_pem(include_str!("../keys/first.pem")).unwrap()
}

fn second() -> SigningKey {
    SigningKey::from_pem(include_str!("../keys/second.pem")).unwrap()
}

fn first_public() -> VerifyingKey {
    VerifyingKey::from_pem(include_str!("../keys/first.pub.pem")).unwrap()
}

fn second_public() -> VerifyingKey {
    VerifyingKey::from_pem(include_str!("../keys/second.pub.pem")).unwrap()
}

/// A section of any kind, as WebAssembly's specification has it.
fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut section = vec![kind];
    let mut size = content.len();
    while size >= 0x80 {
        section.push(size as u8 | 0x80);
        size >>= 7;
    }
    section.push(size as u8);
    section.extend_from_slice(content);
    section
}

fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    section(0, &[&[u8::try_from(name.len()).unwrap()], name.as_bytes(), content].concat())
}
