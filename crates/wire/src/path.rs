//! Request paths in their normal form (RFC 3986, section 6.2.2).

use std::borrow::Cow;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A `%` in a path that two hexadecimal digits do not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the path has a `%` that two hexadecimal digits do not follow; write %25 for a percent sign"
)]
pub struct BadPath;

/// The normal form of an absolute path: unreserved characters decoded, other escapes in capitals,
/// non-ASCII bytes escaped, dot segments removed, and neighboring slashes merged. `%2F` stays
/// escaped. A trailing slash stays. A target that is no absolute path, such as `*`, keeps its form.
///
/// Applying it twice changes nothing more.
///
/// # Errors
/// [`BadPath`] for an incomplete escape.
pub fn normalize_path(path: &str) -> Result<Cow<'_, str>, BadPath> {
    let decoded = decode_unreserved(path)?;
    let is_normal = |pair: &[u8]| !matches!(pair, b"//" | b"/.");
    if !decoded.starts_with('/') || decoded.as_bytes().windows(2).all(is_normal) {
        return Ok(decoded);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let is_folder = matches!(decoded.rsplit('/').next(), Some("" | "." | ".."));
    let mut normal = String::with_capacity(decoded.len());
    for segment in &kept {
        normal.push('/');
        normal.push_str(segment);
    }
    if is_folder || kept.is_empty() {
        normal.push('/');
    }
    Ok(Cow::Owned(normal))
}

/// Decodes escaped unreserved characters, writes other escapes in capitals, and escapes non-ASCII
/// bytes.
///
/// # Errors
/// [`BadPath`] for an incomplete escape.
pub fn decode_unreserved(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if path.bytes().all(|byte| byte != b'%' && byte.is_ascii()) {
        return Ok(Cow::Borrowed(path));
    }
    let mut decoded = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => match (hex(bytes.next()), hex(bytes.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(BadPath),
            },
            byte if byte.is_ascii() => {
                decoded.push(char::from(byte));
                continue;
            }
            byte => byte,
        };
        match byte {
            byte if is_unreserved(byte) => decoded.push(char::from(byte)),
            byte => {
                let digit = |value: u8| char::from(HEX[usize::from(value & 15)]);
                decoded.extend(['%', digit(byte >> 4), digit(byte)]);
            }
        }
    }
    Ok(Cow::Owned(decoded))
}

/// The path without a trailing slash; `/` is itself.
pub fn without_trailing_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    }
}

fn hex(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_mean_the_same_have_one_form() {
        for (sent, normal) in [
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/v1/redact", "/v1/redact"),
            ("/v1/%72edact", "/v1/redact"),
            ("/v1/token%2Dclassification", "/v1/token-classification"),
            ("/v1/token%2dclassification", "/v1/token-classification"),
            ("//v1/redact", "/v1/redact"),
            ("/v1///redact", "/v1/redact"),
            ("/./v1/redact", "/v1/redact"),
            ("/x/../v1/redact", "/v1/redact"),
            ("/x/%2e%2E/v1/redact", "/v1/redact"),
            ("/../../v1/redact", "/v1/redact"),
            ("/v1/redact/", "/v1/redact/"),
            ("/v1/redact//", "/v1/redact/"),
            ("/v1/redact/.", "/v1/redact/"),
            ("/v1/redact/x/..", "/v1/redact/"),
            ("/v1/...", "/v1/..."),
            ("/V1/REDACT", "/V1/REDACT"),
            ("/v1%2fredact", "/v1%2Fredact"),
            ("/v1%2F%2e%2e%2fredact", "/v1%2F..%2Fredact"),
            ("/v1/%2572edact", "/v1/%2572edact"),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(normalize_path(sent).as_deref(), Ok(normal), "{sent}");
        }
    }

    #[test]
    fn incomplete_escapes_are_refused() {
        for sent in ["/%", "/%7", "/%zz", "/%7/", "/%%41", "/%+1", "/%\u{e9}1"] {
            assert_eq!(normalize_path(sent), Err(BadPath), "{sent}");
        }
    }

    #[test]
    fn only_the_root_keeps_its_trailing_slash() {
        for (path, shorter) in [("/", "/"), ("/a/", "/a"), ("/a", "/a"), ("", ""), ("*", "*")] {
            assert_eq!(without_trailing_slash(path), shorter);
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(path in "/([a./%]|%2[eEfF]|%25|é){0,12}") {
            if let Ok(normal) = normalize_path(&path) {
                prop_assert_eq!(normalize_path(&normal), Ok(normal.clone()));
                prop_assert!(normal.starts_with('/') && !normal.contains("//"));
            }
        }
    }
}
