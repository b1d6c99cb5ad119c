//! What a request is called in its answer and in the log.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

/// The name that the client gave, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| valid(id)).cloned();
    given.unwrap_or_else(new)
}

/// A header as a log can show it.
pub(crate) fn shown(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

fn valid(id: &HeaderValue) -> bool {
    id.len() <= LONGEST && id.as_bytes().iter().all(u8::is_ascii_graphic) && !id.is_empty()
}

/// Nothing may rely on it being hard to guess.
fn new() -> HeaderValue {
    let number = RandomState::new().build_hasher().finish();
    HeaderValue::from_str(&format!("{number:016x}"))
        .unwrap_or_else(|_| HeaderValue::from_static("none"))
}
