//! Where a request may go, and with whose credentials.

use pilotlight_http_client::is_loopback;
use ureq::http::Uri;
use ureq::http::uri::Scheme;

/// The address that a `Location` header names, seen from `base`; `None` if it cannot be told.
pub(crate) fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        let authority = base.authority()?;
        return format!("{}://{authority}{location}", base.scheme_str()?).parse().ok();
    }
    let uri: Uri = location.parse().ok()?;
    (uri.scheme().is_some() && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

/// Whether two addresses belong to the same server: scheme, host and port.
pub(crate) fn same_origin(a: &Uri, b: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    a.scheme() == b.scheme() && host(a) == host(b) && port(a) == port(b)
}

/// Whether a registry at `base` may send us to `uri`: from TLS only to TLS, and in the clear only
/// to where that was allowed or nobody listens.
pub(crate) fn may_follow(base: &Uri, uri: &Uri, plain_http: bool) -> bool {
    if uri.scheme() == Some(&Scheme::HTTPS) {
        return true;
    }
    let plain = Some(&Scheme::HTTP);
    let allowed = plain_http || uri.host().is_some_and(is_loopback);
    uri.scheme() == plain && base.scheme() == plain && allowed
}

fn port(uri: &Uri) -> Option<u16> {
    let usual = match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    uri.port_u16().or(usual)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use proptest::prelude::*;

    use super::{Uri, may_follow, resolve, same_origin};

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn locations_may_be_whole_or_begin_at_the_root() {
        let base = uri("https://registry.example:5000/v2/a/blobs/uploads/");
        let resolved = |location| resolve(&base, location).map(|uri| uri.to_string());
        let at_root = resolved("/v2/a/blobs/uploads/1?state=x").unwrap();
        assert_eq!(at_root, "https://registry.example:5000/v2/a/blobs/uploads/1?state=x");
        assert_eq!(resolved("https://storage.example/x").unwrap(), "https://storage.example/x");
        for location in ["", "uploads/1", "//elsewhere/x", "?x", "https://", "a b", "mailto:x@y"] {
            assert_eq!(resolved(location), None, "{location:?}");
        }
    }

    #[test]
    fn another_port_is_another_server() {
        let one = uri("http://127.0.0.1:5000/a");
        assert!(same_origin(&one, &uri("http://127.0.0.1:5000/b?c")));
        assert!(same_origin(&uri("https://a.example"), &uri("https://A.example:443/")));
        for other in
            ["http://127.0.0.1:5001/a", "https://127.0.0.1:5000/a", "http://localhost:5000/a"]
        {
            assert!(!same_origin(&one, &uri(other)), "{other}");
        }
    }

    #[test]
    fn nobody_is_led_from_tls_into_the_clear() {
        let (tls, plain) = (uri("https://a.example"), uri("http://127.0.0.1:5000"));
        assert!(may_follow(&tls, &uri("https://b.example"), false));
        assert!(may_follow(&plain, &uri("http://[::1]:1/"), false));
        assert!(may_follow(&plain, &uri("http://b.example"), true));
        assert!(!may_follow(&plain, &uri("http://b.example"), false));
        for target in ["http://a.example", "http://127.0.0.1:5000", "file://a/b"] {
            assert!(!may_follow(&tls, &uri(target), true), "{target}");
        }
    }

    proptest! {
        #[test]
        fn any_location_is_resolved_or_refused(location in ".{0,60}") {
            if let Some(uri) = resolve(&uri("https://a.example"), &location) {
                prop_assert!(uri.host().is_some());
            }
        }
    }
}
