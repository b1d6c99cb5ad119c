//! De-identification: redacts, pseudonymizes or encrypts the entities of a text, and re-identifies
//! encrypted values with the keys.
//!
//! A [`Deidentifier`] is made of [`DeidentifyOptions`] and, unless it redacts, a [`Keyring`].
//! [`Deidentifier::deidentify`] takes a text and what was found in it and gives the text in which that
//! is replaced, and where everything is now. [`Keyring::reidentify`] decrypts all tokens in a text.
//!
//! # Tokens
//! - `[EMAIL:k1:9f3c…]`, 32 hexadecimal digits, is a pseudonym: the first 128 bits of HMAC-SHA-256
//!   (RFC 2104) of the label, a colon and the value in Unicode's normalization form C (UAX #15). So
//!   `é` in one code point and in two is one value; letters of another case, or of another width,
//!   make another: whether they mean the same, only who knows the label can say. Who sees only
//!   pseudonyms sees which are equal and how often each occurs. After a rotation of keys one value
//!   has another pseudonym.
//! - `[EMAIL:k1:AQ…]`, at least 40 letters, is an encrypted value, in base64url (RFC 4648) without
//!   padding: one byte that says the cipher (1 is AES-256-GCM, NIST SP 800-38D; 2 is SM4-GCM,
//!   RFC 8998), a nonce of 96 bits, drawn from the operating system, the encrypted value, and a tag
//!   of 128 bits. The byte and all that precedes the body (`[EMAIL:k1:`) are associated data. Two
//!   tokens of one value differ. How many bytes the value has can be seen.
//!
//! Both name their key. From each key's secret HKDF-SHA-256 (RFC 5869; no salt, the info is
//! `pilotlight-deidentify 1 PURPOSE KEY`) derives a key for each purpose: 64 bytes for `pseudonym`, 32
//! for `aes-256-gcm`, 16 for `sm4-gcm`.
//!
//! # What looks like a token
//! De-identification leaves it as it is, unless an entity lies there. Forged, it fails to decrypt, stays
//! in the text and is told in [`Reidentified::left`]; genuine, it holds what was de-identified before, and
//! is decrypted with the rest. So a text that has been de-identified can be de-identified again, and one
//! that was partly written by a machine from de-identified texts can be re-identified. A token proves that a
//! key of the keyring made it, and not in which text it stood: whoever shows re-identified texts to the
//! authors of those texts lets them read every token that they have got hold of. A pseudonym proves
//! nothing at all: those that were made are where [`Deidentified::spans`] says.
//!
//! # How many tokens
//! With random nonces, a key may encrypt 2^32 values with a cipher (NIST SP 800-38D, 8.3). They are
//! counted and refused, by keyring and the keyrings read again from it: [`Keyring::encrypted`] tells.
//! Neither other processes nor those before a restart are counted. So with `n` hosts that restart
//! `m` times in the life of a key, rotate before [`Keyring::encrypted`] shows 2^32 / (`n` × `m`).
//!
//! # Keys
//! A keyring is a TOML file that only its owner can read:
//!
//! ```toml
//! active = "k2"                       # makes new tokens; the others decrypt
//!
//! [keys.k1]
//! file = "k1.secret"                  # a file with the same, in the keyring's folder
//!
//! [keys.k2]
//! secret = "…"                        # base64 of 32 random bytes, or more
//! ```
//!
//! [`Keyring::generate`] writes one, [`Keyring::rotate`] adds a key and makes it active. Where
//! several hosts re-identify what the others de-identified, give all of them the new key before one of them
//! makes it active. A key may be taken out once no text is left that holds its tokens.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod cipher;
mod clusters;
mod deidentifier;
mod entity;
mod error;
mod key;
mod keyring;
mod keyring_error;
mod keyring_file;
mod options;
mod private_file;
mod reidentify;
mod replacement;
mod rotation;
mod stream_reidentifier;
mod token;
mod uses;

pub use cipher::Cipher;
pub use deidentifier::Deidentifier;
pub use deidentifier::fit::Unfit;
pub use entity::{Deidentified, Entity, Span};
pub use error::Refused;
pub use key::{BadKeyId, KeyId};
pub use keyring::Keyring;
pub use keyring_error::{KeyringError, Problem};
pub use options::{DeidentifyOptions, Mode, OptionsError, Threshold};
pub use reidentify::{Left, Reason, Reidentified};
pub use stream_reidentifier::StreamReidentifier;
