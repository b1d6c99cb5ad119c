//! Public keys as issuers publish them: JSON Web Key Sets (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey, agree_ephemeral};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::de::{Deserialize as _, Deserializer, IgnoredAny};
use serde_json::Value;

use crate::error::InvalidValue;

/// A key that tells whether a token is what its issuer signed. It goes with one algorithm,
/// whatever a token says.
#[derive(Debug)]
pub(crate) enum VerifyingKey {
    /// RFC 8037.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// RFC 7518, section 3.4; an uncompressed point.
    P256([u8; 65]),
    /// RFC 7518, section 3.3.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

/// `EdDSA` is the old name of `Ed25519` (RFC 9864).
const ED25519_ALGORITHMS: &[&str] = &["EdDSA", "Ed25519"];
const P256_ALGORITHMS: &[&str] = &["ES256"];
const RSA_ALGORITHMS: &[&str] = &["RS256"];

/// The members of a key (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2) that
/// matter.
#[derive(serde::Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    /// A private key's.
    #[serde(default, deserialize_with = "present")]
    d: bool,
    /// A shared secret.
    #[serde(default, deserialize_with = "present")]
    k: bool,
}

/// That a member is there, without looking at it.
pub(crate) fn present<'de, D: Deserializer<'de>>(member: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(member).map(|_| true)
}

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<(Option<String>, VerifyingKey)>,
    /// Why keys were skipped; the place is that of the key.
    pub(crate) skipped: Vec<InvalidValue>,
}

impl KeySet {
    /// The usable keys of a set. Keys that cannot be used are skipped, as RFC 7517 asks
    /// (section 5): issuers publish keys of other kinds and for other purposes in the same set.
    /// No usable key is no error: that would leave the former keys in force, which the issuer has
    /// taken out.
    pub(crate) fn parse(set: &str) -> Result<Self, InvalidValue> {
        #[derive(serde::Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_str(set).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            InvalidValue::new(
                place,
                "not a JSON Web Key Set, which is an object with a list `keys`",
            )
        })?;
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, jwk) in set.keys.into_iter().enumerate() {
            match read(jwk) {
                Ok(key) => keys.push(key),
                Err(message) => skipped.push(InvalidValue::new(format!("keys[{index}]"), message)),
            }
        }
        Ok(Self { keys, skipped })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that may have signed a token whose header has this `kid`: those with the same
    /// `kid`, of which a set may have several, and those without one. Without `kid`, it may be any
    /// key.
    pub(crate) fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
    ) -> impl Iterator<Item = &'a VerifyingKey> {
        let fits = move |own: Option<&str>| kid.is_none() || own.is_none() || own == kid;
        self.keys.iter().filter(move |(own, _)| fits(own.as_deref())).map(|(_, key)| key)
    }
}

/// A key and its `kid`, or why it cannot be used.
fn read(jwk: Value) -> Result<(Option<String>, VerifyingKey), String> {
    if !jwk.is_object() {
        return Err("not an object".to_owned());
    }
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|error| error.to_string())?;
    // Whoever reads the file could sign tokens.
    if jwk.d || jwk.k {
        return Err(
            "contains a private key or a shared secret; publish only the public key".to_owned()
        );
    }
    let key = VerifyingKey::new(&jwk)?;
    Ok((jwk.kid, key))
}

/// Reads the members of one type of key.
type ReadKey = fn(&Jwk) -> Result<VerifyingKey, String>;

impl VerifyingKey {
    /// The key, if it is one for signatures that we know.
    fn new(jwk: &Jwk) -> Result<Self, String> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err("`use` is not sig".to_owned());
        }
        if jwk.key_ops.as_ref().is_some_and(|uses| uses.iter().all(|what| what != "verify")) {
            return Err("`key_ops` does not contain verify".to_owned());
        }
        let (read, algorithms): (ReadKey, _) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => (Self::ed25519, ED25519_ALGORITHMS),
            ("EC", Some("P-256")) => (Self::p256, P256_ALGORITHMS),
            ("RSA", _) => (Self::rsa, RSA_ALGORITHMS),
            _ => return Err("the key type is not supported; use Ed25519, P-256 or RSA".to_owned()),
        };
        if jwk.alg.as_deref().is_some_and(|alg| !algorithms.contains(&alg)) {
            return Err(format!("`alg` is not {}", algorithms.join(" or ")));
        }
        read(jwk)
    }

    fn ed25519(jwk: &Jwk) -> Result<Self, String> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&coordinate("x", jwk.x.as_deref())?)
            .map_err(|_| "`x` is not a point of Ed25519")?;
        if key.is_weak() {
            return Err(
                "weak Ed25519 key (small order): it accepts forged signatures; use another key"
                    .to_owned(),
            );
        }
        Ok(Self::Ed25519(key))
    }

    fn p256(jwk: &Jwk) -> Result<Self, String> {
        let mut point = [4; 65];
        point[1..33].copy_from_slice(&coordinate("x", jwk.x.as_deref())?);
        point[33..].copy_from_slice(&coordinate("y", jwk.y.as_deref())?);
        if !is_on_p256(&point) {
            return Err("`x` and `y` are not a point of P-256".to_owned());
        }
        Ok(Self::P256(point))
    }

    fn rsa(jwk: &Jwk) -> Result<Self, String> {
        let n = number("n", jwk.n.as_deref())?;
        let e = number("e", jwk.e.as_deref())?;
        let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !(2048..=8192).contains(&bits) || n.last().is_none_or(|byte| byte % 2 == 0) {
            return Err(format!("the modulus `n` has {bits} bits; it must have 2048 to 8192"));
        }
        // With 1 as its exponent everything would be signed.
        if e.len() > 4 || matches!(e[..], [] | [1]) || e.last().is_none_or(|byte| byte % 2 == 0) {
            return Err("the exponent `e` must be an odd number from 3 to 4294967295".to_owned());
        }
        Ok(Self::Rsa(RsaPublicKeyComponents { n, e }))
    }

    /// Whether signatures of this key are called `alg`.
    pub(crate) fn goes_with(&self, alg: &str) -> bool {
        match self {
            Self::Ed25519(_) => ED25519_ALGORITHMS.contains(&alg),
            Self::P256(_) => P256_ALGORITHMS.contains(&alg),
            Self::Rsa(_) => RSA_ALGORITHMS.contains(&alg),
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Self::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
        }
    }
}

fn coordinate(member: &str, text: Option<&str>) -> Result<[u8; 32], String> {
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("`{member}` is missing, or is not 32 bytes in base64url"))
}

/// Whether an uncompressed point lies on the curve. Key agreement checks that, and with a key of
/// its own there is nothing secret in it.
fn is_on_p256(point: &[u8; 65]) -> bool {
    let Ok(own) = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()) else {
        return false;
    };
    let point = agreement::UnparsedPublicKey::new(&ECDH_P256, point);
    agree_ephemeral(own, &point, |_| ()).is_ok()
}

/// A number without zeros in front, which some write (RFC 7518, section 6.3.1.1).
fn number(member: &str, text: Option<&str>) -> Result<Vec<u8>, String> {
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let bytes = bytes.ok_or_else(|| format!("`{member}` is missing, or is not base64url"))?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use base64::Engine as _;

    use super::{KeySet, URL_SAFE_NO_PAD, VerifyingKey};

    /// RFC 8037, appendix A.
    const ED25519: (&str, &str) = (
        r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
         hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
    /// RFC 7515, appendix A.3.
    const ES256: (&str, &str) = (
        r#"{"kty":"EC","crv":"P-256","kid":"a",
            "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
         cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5d\
         jxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    /// RFC 7515, appendix A.2.
    const RS256: (&str, &str) = (
        r#"{"kty":"RSA","kid":"a","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#,
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
         cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3X\
         OiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB-\
         -f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j\
         zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhW\
         kWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );

    fn key(jwk: &str) -> VerifyingKey {
        KeySet::parse(&format!(r#"{{"keys":[{jwk}]}}"#)).unwrap().keys.remove(0).1
    }

    #[test]
    fn signatures_of_the_rfcs_are_verified() {
        for (jwk, token) in [ED25519, ES256, RS256] {
            let (message, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert!(key(jwk).verifies(message.as_bytes(), &signature), "{jwk}");
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_signature_is_noticed() {
        for (jwk, token) in [ED25519, ES256, RS256] {
            let key = key(jwk);
            let (message, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            for place in (0..signature.len()).step_by(5) {
                let mut signature = signature.clone();
                signature[place] ^= 1 << (place % 8);
                assert!(!key.verifies(message.as_bytes(), &signature), "{jwk} {place}");
            }
            assert!(!key.verifies(message.as_bytes(), &signature[1..]));
            assert!(!key.verifies(message.as_bytes(), &[]));
        }
    }
}
