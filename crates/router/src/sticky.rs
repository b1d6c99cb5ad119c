//! Where the key of a user is found.

use std::borrow::Cow;

use http::header::HeaderName;
use serde_json::Value;

use crate::fields::{Body, Found, Wanted};
use crate::request::Request;
use crate::route::Sticky;

/// A [`Sticky`], ready to be asked for keys.
pub(crate) enum KeyIn {
    Header(HeaderName),
    Cookie(String),
    Query(String),
    /// A slot of [`Wanted`].
    Json(usize),
}

impl KeyIn {
    pub(crate) fn new(sticky: &Sticky, wanted: &mut Wanted) -> Result<Self, String> {
        match sticky {
            Sticky::Header(name) => HeaderName::from_bytes(name.as_bytes())
                .map(Self::Header)
                .map_err(|_| format!("{name:?} is not a header name")),
            // Names of cookies and of headers are tokens alike (RFC 6265, 4.1.1).
            Sticky::Cookie(name) => HeaderName::from_bytes(name.as_bytes())
                .map(|_| Self::Cookie(name.clone()))
                .map_err(|_| format!("{name:?} is not a cookie name")),
            Sticky::Query(name) if name.is_empty() => {
                Err("the name of a query parameter must not be empty".to_owned())
            }
            Sticky::Query(name) => Ok(Self::Query(name.clone())),
            Sticky::Json(pointer) => wanted.slot(pointer).map(Self::Json),
        }
    }

    /// Whether it is in the body.
    pub(crate) fn reads_body(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// The key of a request. An empty one is none: it would send all who have none to one target.
    pub(crate) fn key<'a>(
        &self,
        request: &Request<'a>,
        body: &'a Body<'_>,
    ) -> Option<Cow<'a, [u8]>> {
        let key = match self {
            Self::Header(name) => Cow::Borrowed(request.headers.get(name)?.as_bytes()),
            Self::Cookie(name) => Cow::Borrowed(request.cookie(name)?),
            Self::Query(name) => bytes(request.parameters(name).next()?),
            Self::Json(slot) => match body.field(*slot)? {
                Found::Scalar(Value::String(text)) => Cow::Borrowed(text.as_bytes()),
                Found::Scalar(Value::Number(number)) if !number.is_f64() => {
                    Cow::Owned(number.to_string().into_bytes())
                }
                _ => return None,
            },
        };
        Some(key).filter(|key| !key.is_empty())
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
