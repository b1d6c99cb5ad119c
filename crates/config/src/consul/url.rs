//! Keys in addresses.

use super::{ConsulError, ConsulOptions};

/// What comes before a key in the paths of Consul's HTTP API.
const KV: &str = "/v1/kv/";

impl ConsulOptions {
    /// Follows the key that `url` is the address of: `http://HOST:PORT/v1/kv/KEY`.
    ///
    /// # Errors
    /// [`ConsulError::Url`], and [`ConsulError::NotBuilt`] in builds without the feature `consul`.
    pub fn at(url: &str) -> Result<Self, ConsulError> {
        if !cfg!(feature = "consul") {
            return Err(ConsulError::NotBuilt);
        }
        let refuse = || ConsulError::Url(url.to_owned());
        let (address, key) = url.split_once(KV).ok_or_else(refuse)?;
        let key = decoded(key).filter(|key| !key.is_empty()).ok_or_else(refuse)?;
        let scheme = address.starts_with("http://") || address.starts_with("https://");
        if scheme { Ok(Self::new(address, key)) } else { Err(refuse()) }
    }
}

/// A key in a path: what is not unreserved (RFC 3986) is escaped, but for the slashes.
#[cfg(feature = "consul")]
pub(super) fn encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.trim_start_matches('/').bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The key that a path says; `None` if it says more than a key, or nothing that can be one.
fn decoded(path: &str) -> Option<String> {
    if path.contains(['?', '#']) {
        return None;
    }
    let mut parts = path.split('%');
    let mut key = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let digits = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        key.push(u8::from_str_radix(digits, 16).ok()?);
        key.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(key).ok()
}

#[cfg(all(test, feature = "consul"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_has_an_address(key in "[^/].{0,20}") {
            let url = format!("http://127.0.0.1:8500/v1/kv/{}", encoded(&key));
            let options = ConsulOptions::at(&url).unwrap();
            prop_assert_eq!((options.address.as_str(), options.key), ("http://127.0.0.1:8500", key));
        }

        #[test]
        fn any_text_is_an_address_or_an_error(text in ".*", path in "[%a-f0-9?#/é]{0,12}") {
            let _ = ConsulOptions::at(&text);
            let _ = ConsulOptions::at(&format!("http://h/v1/kv/{path}"));
        }
    }

    #[test]
    fn what_is_no_address_of_a_key_is_refused() {
        for wrong in [
            "",
            "http://127.0.0.1:8500",
            "http://127.0.0.1:8500/v1/kv/",
            "127.0.0.1:8500/v1/kv/a",
            "ftp://127.0.0.1/v1/kv/a",
            "http://127.0.0.1:8500/v1/kv/a?token=b",
            "http://127.0.0.1:8500/v1/kv/a#b",
            "http://127.0.0.1:8500/v1/kv/%",
            "http://127.0.0.1:8500/v1/kv/%+1",
            "http://127.0.0.1:8500/v1/kv/%ff",
        ] {
            assert!(matches!(ConsulOptions::at(wrong), Err(ConsulError::Url(_))), "{wrong}");
        }
    }
}
