use std::path::Path;

use http::HeaderMap;

use crate::credential::bearer;
use crate::error::{Error, Mistake};
use crate::file::read_secret;
use crate::fingerprint::Fingerprint;

const SHORTEST: usize = 32;

/// The secret of who may administer. It is forgotten as soon as it has been read: what is kept is
/// its SHA-256.
#[derive(Debug)]
pub struct AdminToken(Fingerprint);

impl AdminToken {
    /// Reads a token from a file that its owner alone can read; a newline at its end does not
    /// count. `openssl rand -hex 32` makes one.
    ///
    /// # Errors
    /// [`Error::Exposed`], [`Error::TooLong`], [`Error::Io`], and [`Error::In`] when it is shorter
    /// than 32 characters or cannot be sent in a header.
    pub fn read_file(path: &Path) -> Result<Self, Error> {
        let text = read_secret(path)?;
        Self::parse(&text).map_err(|mistake| Error::In { path: path.to_owned(), mistake })
    }

    fn parse(text: &str) -> Result<Self, Mistake> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let token = line.strip_suffix('\r').unwrap_or(line);
        let wrong = |message| Err(Mistake::new("token", message));
        if token.len() < SHORTEST {
            return wrong("shorter than 32 characters; `openssl rand -hex 32` makes one");
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong("not one line of ASCII without spaces; `openssl rand -hex 32` makes one");
        }
        Ok(Self(Fingerprint::of(token.as_bytes())))
    }

    /// Whether a request has it, in `authorization: Bearer …`.
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_ok_and(|token| token.is_some_and(|token| self.0.is_of(token)))
    }
}
