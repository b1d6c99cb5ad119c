//! Ciphers that encrypt and authenticate: AES-256-GCM (NIST SP 800-38D) and SM4-GCM (RFC 8998).

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInOut as _, Tag};
use aes_gcm::{Aes256Gcm, AesGcm, Nonce};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sm4::Sm4;

/// Length of a nonce.
pub(crate) const NONCE: usize = 12;
/// Length of a tag.
pub(crate) const TAG: usize = 16;

pub(crate) type Sm4Gcm = AesGcm<Sm4, U12>;

/// Cipher of `encrypt`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Cipher {
    /// AES with 256-bit keys.
    #[default]
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
    /// SM4 with 128-bit keys. It is computed with tables: a process on the same core may learn
    /// about the key from the time that it takes.
    #[serde(rename = "sm4-gcm")]
    Sm4Gcm,
}

impl Cipher {
    /// All ciphers.
    pub const ALL: [Self; 2] = [Self::Aes256Gcm, Self::Sm4Gcm];

    /// Name in the configuration and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::Sm4Gcm => "sm4-gcm",
        }
    }

    /// The first byte of what is encrypted with it.
    pub(crate) fn mark(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::Sm4Gcm => 2,
        }
    }
}

/// A text that is too long for the cipher, or not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// A cipher with its key.
pub(crate) enum Keyed {
    Aes256Gcm(Box<Aes256Gcm>),
    Sm4Gcm(Box<Sm4Gcm>),
}

impl Keyed {
    /// Encrypts a text where it lies, of at most 64 GiB.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE],
        associated: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG], Failed> {
        let nonce = Nonce::from(*nonce);
        let sealed = match self {
            Self::Aes256Gcm(cipher) => {
                cipher.encrypt_inout_detached(&nonce, associated, text.into())
            }
            Self::Sm4Gcm(cipher) => cipher.encrypt_inout_detached(&nonce, associated, text.into()),
        };
        sealed.map(Into::into).map_err(|_| Failed)
    }

    /// Decrypts a text where it lies; what is not authentic is left as it is.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE],
        associated: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Failed> {
        let nonce = Nonce::from(*nonce);
        let opened = match self {
            Self::Aes256Gcm(cipher) => {
                let tag = Tag::<Aes256Gcm>::from(*tag);
                cipher.decrypt_inout_detached(&nonce, associated, text.into(), &tag)
            }
            Self::Sm4Gcm(cipher) => {
                let tag = Tag::<Sm4Gcm>::from(*tag);
                cipher.decrypt_inout_detached(&nonce, associated, text.into(), &tag)
            }
        };
        opened.map_err(|_| Failed)
    }
}

#[cfg(test)]
mod tests {
    use aes_gcm::KeyInit as _;

    use super::{Failed, Keyed};

    struct Vector {
        cipher: Keyed,
        nonce: &'static str,
        associated: &'static str,
        plain: &'static str,
        sealed: &'static str,
        tag: &'static str,
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |digit: &u8| (*digit as char).to_digit(16).unwrap() as u8;
        hex.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
    }

    fn array<const N: usize>(hex: &str) -> [u8; N] {
        bytes(hex).try_into().unwrap()
    }

    fn aes(key: &str) -> Keyed {
        Keyed::Aes256Gcm(Box::new(aes_gcm::Aes256Gcm::new(&array::<32>(key).into())))
    }

    fn sm4(key: &str) -> Keyed {
        Keyed::Sm4Gcm(Box::new(super::Sm4Gcm::new(&array::<16>(key).into())))
    }

    /// Test cases 13, 14 and 16 of "The Galois/Counter Mode of Operation" (McGrew and Viega), from
    /// which NIST SP 800-38D took GCM, and RFC 8998, A.1.
    fn vectors() -> [Vector; 4] {
        [
            Vector {
                cipher: aes(&"00".repeat(32)),
                nonce: "000000000000000000000000",
                associated: "",
                plain: "",
                sealed: "",
                tag: "530f8afbc74536b9a963b4f1c4cb738b",
            },
            Vector {
                cipher: aes(&"00".repeat(32)),
                nonce: "000000000000000000000000",
                associated: "",
                plain: "00000000000000000000000000000000",
                sealed: "cea7403d4d606b6e074ec5d3baf39d18",
                tag: "d0d1c8a799996bf0265b98b5d48ab919",
            },
            Vector {
                cipher: aes(&"feffe9928665731c6d6a8f9467308308".repeat(2)),
                nonce: "cafebabefacedbaddecaf888",
                associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                plain: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                        1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
                tag: "76fc6ece0f4e1768cddf8853bb2d551b",
            },
            Vector {
                cipher: sm4("0123456789abcdeffedcba9876543210"),
                nonce: "00001234567800000000abcd",
                associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                plain: "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd\
                        eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
                sealed: "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735\
                         d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d",
                tag: "83de3541e4c2b58177e065a9bf7b62ec",
            },
        ]
    }

    #[test]
    fn texts_are_sealed_and_opened_as_published() {
        for vector in vectors() {
            let (nonce, associated) = (array(vector.nonce), bytes(vector.associated));
            let mut text = bytes(vector.plain);
            let tag = vector.cipher.seal(&nonce, &associated, &mut text).unwrap();
            assert_eq!(text, bytes(vector.sealed));
            assert_eq!(tag.as_slice(), bytes(vector.tag));
            vector.cipher.open(&nonce, &associated, &mut text, &tag).unwrap();
            assert_eq!(text, bytes(vector.plain));
        }
    }

    #[test]
    fn what_is_not_authentic_is_not_decrypted() {
        for vector in vectors() {
            let (nonce, associated) = (array(vector.nonce), bytes(vector.associated));
            let sealed = bytes(vector.sealed);
            let mut tag: [u8; 16] = array(vector.tag);
            tag[15] ^= 1;
            let mut text = sealed.clone();
            let opened = vector.cipher.open(&nonce, &associated, &mut text, &tag);
            assert_eq!((opened, text), (Err(Failed), sealed));
        }
    }
}
