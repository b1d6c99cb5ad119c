//! What a request is called in answers and in the log.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use http::{HeaderMap, HeaderValue};

pub(crate) const REQUEST_ID: &str = "x-request-id";
const LONGEST_ID: usize = 128;

/// The name that a request brings along, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    headers.get(REQUEST_ID).filter(|id| valid(id)).cloned().unwrap_or_else(new_id)
}

fn valid(id: &HeaderValue) -> bool {
    id.len() <= LONGEST_ID && id.as_bytes().iter().all(u8::is_ascii_graphic) && !id.is_empty()
}

/// Nothing may rely on it being hard to guess.
fn new_id() -> HeaderValue {
    let number = RandomState::new().build_hasher().finish();
    HeaderValue::from_str(&format!("{number:016x}"))
        .unwrap_or_else(|_| HeaderValue::from_static("none"))
}
