//! Where a request says who asks.

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};

use crate::rejection::Rejection;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The credential in `authorization: Bearer …` or `x-api-key: …`; both may say the same. Other
/// schemes of `authorization` are for somebody else.
///
/// # Errors
/// [`Rejection::Ambiguous`] when they differ, or a header is there twice.
pub(crate) fn credential(headers: &HeaderMap) -> Result<Option<&[u8]>, Rejection> {
    let key = single(headers, &X_API_KEY)?;
    match (bearer(headers)?, key) {
        (Some(bearer), Some(key)) if bearer != key => Err(Rejection::Ambiguous),
        (bearer, key) => Ok(bearer.or(key)),
    }
}

/// The credential in `authorization: Bearer …` (RFC 6750, section 2.1).
///
/// # Errors
/// [`Rejection::Ambiguous`] when the header is there twice.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, Rejection> {
    let Some(value) = single(headers, &AUTHORIZATION)? else { return Ok(None) };
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, token) = value.split_at(end);
    Ok(scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii()))
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        Err(Rejection::Ambiguous)
    } else {
        Ok(value.map(|v| v.as_bytes()))
    }
}
