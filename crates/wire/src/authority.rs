//! Hosts with ports (RFC 3986, section 3.2), and the origins that they are part of (RFC 6454).

use std::net::Ipv6Addr;

/// A text that is not an origin as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin: write SCHEME://HOST or SCHEME://HOST:PORT as browsers do, in lower \
     case, without the scheme's own port and without a path, such as \"https://app.example\""
)]
pub struct BadOrigin(String);

/// Checks that `text` is an origin as browsers write it; they compare it byte by byte.
///
/// # Errors
/// [`BadOrigin`].
pub fn check_origin(text: &str) -> Result<(), BadOrigin> {
    let bad = || BadOrigin(text.to_owned());
    let (scheme, authority) = text.split_once("://").ok_or_else(bad)?;
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => ":",
    };
    let in_scheme = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.chars().all(in_scheme);
    let as_written = !text.contains(|c: char| c.is_ascii_uppercase() || c == '*')
        && !authority.ends_with(own_port)
        && !authority.ends_with(':');
    let is_origin = is_scheme && as_written && is_authority(authority.as_bytes());
    is_origin.then_some(()).ok_or_else(bad)
}

/// Whether it is `uri-host [ ":" port ]` with a host that is not empty (RFC 3986, section 3.2).
pub fn is_authority(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address.parse::<Ipv6Addr>().is_ok(), ""),
            Some((address, port)) => match port.strip_prefix(':') {
                Some(port) => (address.parse::<Ipv6Addr>().is_ok(), port),
                None => return false,
            },
            None => return false,
        },
        None => {
            let (name, port) = text.split_once(':').unwrap_or((text, ""));
            (is_name(name), port)
        }
    };
    host && (port.is_empty() || is_port(port))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// A registered name or an IPv4 address.
fn is_name(text: &str) -> bool {
    let escaped = text
        .split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit()));
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    !text.is_empty() && escaped && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_that_browsers_write() {
        for origin in [
            "https://app.example",
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "capacitor://localhost",
        ] {
            assert_eq!(check_origin(origin), Ok(()), "{origin}");
        }
        for text in [
            "",
            "*",
            "null",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example/x",
            "https://App.example",
            "https://app.example:443",
            "http://app.example:80",
            "https://app.example:",
            "https://*.example",
            "https://u@app.example",
            "1https://app.example",
            "https://a b",
        ] {
            assert!(check_origin(text).is_err(), "{text}");
        }
    }
}
