//! What those who may change versions know.

use std::fmt;
use std::fs;
use std::path::Path;

use http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// 16 characters of base64 are 96 bits.
const SHORTEST: usize = 16;
const LONGEST: usize = 4096;
const SCHEME: &str = "Bearer ";

/// A secret for the administration (RFC 6750).
#[derive(Clone)]
pub struct AdminToken(Zeroizing<String>);

impl AdminToken {
    /// Reads a token, the only line of a file.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Token`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = Zeroizing::new(fs::read_to_string(path).map_err(Error::io(path))?);
        let token = Zeroizing::new(text.trim().to_owned());
        let refuse = |reason: String| Err(Error::Token { path: path.to_owned(), reason });
        if !(SHORTEST..=LONGEST).contains(&token.len()) {
            return refuse(format!("a token has {SHORTEST} to {LONGEST} characters"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
            return refuse("a token has letters, digits and -._~+/= only".to_owned());
        }
        Ok(Self(token))
    }

    /// The value of the `authorization` header of those who know it.
    pub fn authorization(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("{SCHEME}{}", *self.0));
        // A token has no characters that a header cannot have.
        let value = HeaderValue::from_str(&text);
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    /// Whether a request knows it. How long that takes tells nothing but its length.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let said = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let said = said.and_then(|value| value.split_at_checked(SCHEME.len()));
        said.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case(SCHEME.as_bytes())
                && bool::from(token.ct_eq(self.0.as_bytes()))
        })
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef+/=";

    fn read(text: &str) -> Result<AdminToken> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        AdminToken::read(file.path())
    }

    #[test]
    fn a_token_is_known_by_those_who_say_all_of_it() {
        let token = read(&format!("{TOKEN}\n")).unwrap();
        let headers = |value: HeaderValue| HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        assert!(token.is_in(&headers(token.authorization())));
        let says = |text: &str| token.is_in(&headers(HeaderValue::from_str(text).unwrap()));
        assert!(says(&format!("bearer {TOKEN}")));
        let wrong = [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            TOKEN.to_owned(),
            format!("Basic {TOKEN}"),
            format!("Bearer {TOKEN}="),
            format!("Bearer {}", &TOKEN[1..]),
            format!("Bearer {}", TOKEN.to_uppercase()),
        ];
        assert!(wrong.iter().all(|text| !says(text)));
        assert!(!token.is_in(&HeaderMap::new()));
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        for text in ["", "\n", "short", "sixteen letters and spaces", "0123456789abcdef\n0123"] {
            assert!(matches!(read(text), Err(Error::Token { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let token = read(TOKEN).unwrap();
        assert!(!format!("{token:?} {:?}", token.authorization()).contains("0123"));
    }
}
