//! The opening handshake (RFC 6455, section 4.2).

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::request::Body;

/// The only version.
pub(super) const VERSION: &str = "13";
/// A key is 16 bytes in base64.
const KEY_LENGTH: usize = 24;

/// A handshake that can be accepted.
pub(super) struct Handshake {
    accept: String,
}

/// Why a handshake is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHandshake {
    #[error("a WebSocket must be opened with GET")]
    Method,
    #[error("sec-websocket-version must be {VERSION}")]
    Version,
    #[error("sec-websocket-key must be 16 bytes in base64")]
    Key,
    #[error("CORS does not allow pages of {0} to open WebSockets")]
    Origin(String),
}

impl BadHandshake {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Method | Self::Key => StatusCode::BAD_REQUEST,
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Origin(_) => StatusCode::FORBIDDEN,
        }
    }
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_handshake(headers: &HeaderMap) -> bool {
    has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
}

/// Whether a list of tokens has one of them.
fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
}

impl Handshake {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// [`BadHandshake`].
    pub(super) fn read(head: &Parts) -> Result<Self, BadHandshake> {
        let text = |name: header::HeaderName| head.headers.get(name).and_then(|v| v.to_str().ok());
        if head.method != Method::GET {
            return Err(BadHandshake::Method);
        }
        if text(header::SEC_WEBSOCKET_VERSION) != Some(VERSION) {
            return Err(BadHandshake::Version);
        }
        let key = text(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == KEY_LENGTH);
        let key = key.ok_or(BadHandshake::Key)?;
        // Browsers let pages of any origin open WebSockets, and say whose page it is.
        if let Some(origin) = text(header::ORIGIN) {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            let own = text(header::HOST).or(head.uri.authority().map(|own| own.as_str()));
            if authority.is_none() || authority != own {
                return Err(BadHandshake::Origin(origin.to_owned()));
            }
        }
        Ok(Self { accept: derive_accept_key(key.as_bytes()) })
    }

    /// The response that switches to the protocol.
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Body::empty(StatusCode::SWITCHING_PROTOCOLS);
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of the example in RFC 6455, section 1.3, with a field changed.
    fn read(name: &'static str, value: &str) -> Result<String, BadHandshake> {
        let mut request = http::Request::get("/chat")
            .header("host", "server.example.com")
            .header("upgrade", "websocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("origin", "http://server.example.com")
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        assert!(is_handshake(request.headers()));
        let (head, ()) = request.into_parts();
        Handshake::read(&head).map(|handshake| handshake.accept)
    }

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        assert_eq!(read("x", "y").unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_handshake_of_this_version_or_this_origin_is_refused() {
        let version = read("sec-websocket-version", "8").unwrap_err();
        assert_eq!(version.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(read("sec-websocket-key", "short").unwrap_err(), BadHandshake::Key);
        for origin in ["http://example.com", "null", "https://server.example.com:444"] {
            let refused = read("origin", origin).unwrap_err();
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{origin}");
        }
        assert!(!is_handshake(&HeaderMap::new()));
    }
}
