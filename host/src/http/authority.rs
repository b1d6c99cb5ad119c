//! Which server a request is for (RFC 9112, section 3.2; RFC 9113, section 8.3.1).

use http::header::HOST;
use http::{HeaderValue, Method, Request, Uri, Version};
use pilotlight_wire::is_authority;

/// Why it cannot be told which server a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadAuthority {
    #[error("the request has no `host` header; send one")]
    Missing,
    #[error("the request has several `host` headers; send one")]
    Several,
    #[error("the `host` header is not HOST or HOST:PORT")]
    InvalidHost,
    #[error("the request target does not name HOST or HOST:PORT")]
    InvalidTarget,
    #[error("the `host` header differs from `:authority`; send one of them, or the same in both")]
    Differs,
}

/// Checks the `host` header of `request`. Where the request target names a host, too, that one
/// replaces the header, as HTTP/1.1 has it.
///
/// # Errors
/// [`BadAuthority`].
pub(super) fn check<B>(request: &mut Request<B>) -> Result<(), BadAuthority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(BadAuthority::Several);
    }
    if host.is_some_and(|host| !is_authority(host.as_bytes())) {
        return Err(BadAuthority::InvalidHost);
    }
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    if target.is_some_and(|target| !is_authority(target.as_bytes())) {
        return Err(BadAuthority::InvalidTarget);
    }
    match (request.version(), target, host) {
        (Version::HTTP_09 | Version::HTTP_10, _, None) => Ok(()),
        (Version::HTTP_11, _, None) => Err(BadAuthority::Missing),
        (Version::HTTP_09 | Version::HTTP_10 | Version::HTTP_11, Some(target), Some(_)) => {
            if request.method() != Method::CONNECT {
                let host =
                    HeaderValue::from_str(target).map_err(|_| BadAuthority::InvalidTarget)?;
                request.headers_mut().insert(HOST, host);
            }
            Ok(())
        }
        (_, Some(target), Some(host)) => match is_same(request.uri(), target, host) {
            true => Ok(()),
            false => Err(BadAuthority::Differs),
        },
        // HTTP/2 leaves it to its users whether there is one.
        (_, _, None) | (_, None, _) => Ok(()),
    }
}

/// Whether both name the same host and port; the scheme's own port need not be written.
fn is_same(uri: &Uri, target: &str, host: &HeaderValue) -> bool {
    let default = if uri.scheme_str() == Some("https") { ":443" } else { ":80" };
    let without_port = |authority: &str| {
        let authority = authority.strip_suffix(default).unwrap_or(authority);
        authority.strip_suffix(':').unwrap_or(authority).to_ascii_lowercase()
    };
    host.to_str().is_ok_and(|host| without_port(host) == without_port(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(
        version: Version,
        target: &str,
        hosts: &[&[u8]],
    ) -> Result<Option<String>, BadAuthority> {
        let mut request = Request::get(target).version(version);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host).unwrap());
        }
        let mut request = request.body(()).unwrap();
        check(&mut request)?;
        let host = request.headers().get(HOST);
        Ok(host.map(|host| host.to_str().unwrap().to_owned()))
    }

    #[test]
    fn hosts_and_ports_are_accepted() {
        for host in
            ["a", "A.example", "a.example:", "127.0.0.1:3000", "[::1]", "[::1]:80", "a_b-c~"]
        {
            let known = checked(Version::HTTP_11, "/", &[host.as_bytes()]);
            assert_eq!(known, Ok(Some(host.to_owned())));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for host in [
            "", ":80", "a b", "a:b", "a:80:80", "a:65536", "a:-1", "u@a", "a/b", "http://a",
            "[::1", "[::1]x", "[x]", "::1", "a%2", "a?b", "a#b", "a\\b", "\"a\"", "a, b",
        ] {
            let refused = checked(Version::HTTP_11, "/", &[host.as_bytes()]);
            assert_eq!(refused, Err(BadAuthority::InvalidHost), "{host}");
        }
        assert_eq!(checked(Version::HTTP_11, "/", &[b"\xff"]), Err(BadAuthority::InvalidHost));
        assert_eq!(checked(Version::HTTP_10, "/", &[b"a b"]), Err(BadAuthority::InvalidHost));
    }

    #[test]
    fn a_request_of_http_1_1_has_one() {
        assert_eq!(checked(Version::HTTP_11, "/", &[]), Err(BadAuthority::Missing));
        assert_eq!(checked(Version::HTTP_11, "http://a/", &[]), Err(BadAuthority::Missing));
        assert_eq!(checked(Version::HTTP_10, "/", &[]), Ok(None));
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(checked(version, "/", &[b"a", b"a"]), Err(BadAuthority::Several));
        }
    }

    #[test]
    fn the_target_has_the_last_word() {
        let known = checked(Version::HTTP_11, "http://b:81/x", &[b"a"]);
        assert_eq!(known, Ok(Some("b:81".to_owned())));
        let refused = checked(Version::HTTP_11, "http://u:p@b/", &[b"b"]);
        assert_eq!(refused, Err(BadAuthority::InvalidTarget));
    }

    #[test]
    fn in_http_2_both_say_the_same() {
        let both = |target, host: &[u8]| checked(Version::HTTP_2, target, &[host]).map(drop);
        assert_eq!(both("http://a.example/", b"A.example:80"), Ok(()));
        assert_eq!(both("https://a.example:443/", b"a.example"), Ok(()));
        assert_eq!(both("https://a.example/", b"a.example:80"), Err(BadAuthority::Differs));
        assert_eq!(both("http://a.example/", b"b.example"), Err(BadAuthority::Differs));
        assert_eq!(checked(Version::HTTP_2, "http://a/", &[]), Ok(None));
        assert_eq!(checked(Version::HTTP_2, "/", &[b"a"]), Ok(Some("a".to_owned())));
        assert_eq!(checked(Version::HTTP_2, "/", &[]), Ok(None));
    }
}
