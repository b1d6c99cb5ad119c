//! Issuers of tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};

pub(crate) enum Signer {
    Ed25519(ed25519_dalek::SigningKey),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn p256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap())
    }

    pub(crate) fn rsa() -> Self {
        let pem = include_str!("../keys/rsa.pem");
        let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Self::Rsa(RsaKeyPair::from_pkcs8(&STANDARD.decode(lines).unwrap()).unwrap())
    }

    pub(crate) fn all() -> [Self; 3] {
        [Self::ed25519(1), Self::p256(), Self::rsa()]
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    /// The public key, with `more` members, such as `"kid":"a"`.
    pub(crate) fn jwk(&self, more: &str) -> String {
        let key = match self {
            Self::Ed25519(key) => {
                let x = encode(key.verifying_key().as_bytes());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
            Self::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                format!(r#""kty":"EC","crv":"P-256","x":"{}","y":"{}""#, encode(x), encode(y))
            }
            Self::Rsa(key) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, encode(&n), encode(&e))
            }
        };
        format!("{{{key},{more}}}")
    }

    /// A key set of this one key, called `a`.
    pub(crate) fn jwks(&self) -> String {
        format!(r#"{{"keys":[{}]}}"#, self.jwk(r#""kid":"a""#))
    }

    /// A token with the usual header.
    pub(crate) fn token(&self, claims: &str) -> String {
        self.token_with(&format!(r#"{{"alg":"{}","kid":"a"}}"#, self.algorithm()), claims)
    }

    pub(crate) fn token_with(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", encode(&signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(key) => key.sign(message).to_vec(),
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
