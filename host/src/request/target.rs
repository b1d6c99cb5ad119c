//! The path of a request in the one form that routes, de-identification and functions see.

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Response, StatusCode, Uri};
use pilotlight_wire::{BadPath, normalize_path};

use super::body::Body;

/// Brings the path of `head` into its normal form (RFC 3986, section 6.2.2), so that no spelling of
/// a path passes by what guards it. The query stays as it is.
///
/// # Errors
/// [`BadPath`] for an incomplete escape.
pub(crate) fn normalize(head: &mut Parts) -> Result<(), BadPath> {
    let path = head.uri.path();
    let normal = normalize_path(path)?;
    if normal == path {
        return Ok(());
    }
    let target = match head.uri.query() {
        Some(query) => format!("{normal}?{query}"),
        None => normal.into_owned(),
    };
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(|_| BadPath)?);
    head.uri = Uri::from_parts(parts).map_err(|_| BadPath)?;
    Ok(())
}

/// What is answered to a request with such a path.
pub(crate) fn malformed(bad: &BadPath) -> Response<Body> {
    Body::refusal(StatusCode::BAD_REQUEST, "malformed", &bad.to_string())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn normalized(target: &str) -> Result<String, BadPath> {
        let (mut head, ()) = Request::get(target).body(()).unwrap().into_parts();
        normalize(&mut head).map(|()| head.uri.to_string())
    }

    #[test]
    fn only_the_path_changes() {
        for (sent, normal) in [
            ("/v1/%72edact?a=%62&c=//", "/v1/redact?a=%62&c=//"),
            ("http://a.example:80//x/./y", "http://a.example:80/x/y"),
            ("//v1/redact", "/v1/redact"),
            ("/info?", "/info?"),
            ("*", "*"),
        ] {
            assert_eq!(normalized(sent).as_deref(), Ok(normal));
        }
        assert_eq!(normalized("/%zz"), Err(BadPath));
    }
}
