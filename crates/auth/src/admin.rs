use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use pilotlight_files::{Readers, read_secret};
use zeroize::Zeroizing;

use crate::credential::bearer;
use crate::error::{Error, InvalidValue};
use crate::fingerprint::Fingerprint;

const SHORTEST: usize = 32;
/// Longest file of a token, in bytes.
const MAX_FILE_BYTES: usize = 4 << 10;

/// The secret of who may administer. It is forgotten as soon as it has been read: what is kept is
/// its SHA-256.
#[derive(Debug, Clone)]
pub struct AdminToken(Arc<Fingerprint>);

impl AdminToken {
    /// Reads a token from a file that its owner alone can read, or root and the group that root
    /// gave it to; a newline at its end does not count. `openssl rand -hex 32` makes one.
    ///
    /// # Errors
    /// [`Error::Exposed`], [`Error::TooLong`], [`Error::Io`], and [`Error::In`] when it is shorter
    /// than 32 characters or cannot be sent in a header.
    pub fn read_file(path: &Path) -> Result<Self, Error> {
        let text = read(path)?;
        Ok(Self(Arc::new(Fingerprint::of(token_in(&text, path)?.as_bytes()))))
    }

    /// The value of `authorization` by which the administration knows who has such a file.
    ///
    /// # Errors
    /// As [`AdminToken::read_file`].
    pub fn authorization(path: &Path) -> Result<HeaderValue, Error> {
        let text = read(path)?;
        let value = Zeroizing::new(format!("Bearer {}", token_in(&text, path)?));
        let value = HeaderValue::from_str(&value);
        let mut value = value.map_err(|_| wrong(path, "cannot be sent in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Whether a request has it, in `authorization: Bearer …`.
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_ok_and(|token| token.is_some_and(|token| self.0.is_of(token)))
    }
}

fn token_in<'a>(text: &'a str, path: &Path) -> Result<&'a str, Error> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let token = line.strip_suffix('\r').unwrap_or(line);
    if token.len() < SHORTEST {
        return Err(wrong(
            path,
            "must have at least 32 characters; `openssl rand -hex 32` generates a token",
        ));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "must be one line of ASCII without spaces; `openssl rand -hex 32` generates \
            a token";
        return Err(wrong(path, message));
    }
    Ok(token)
}

fn wrong(path: &Path, message: &str) -> Error {
    Error::In { path: path.to_owned(), invalid: InvalidValue::new("token", message) }
}

fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let text = read_secret(path, MAX_FILE_BYTES, Readers::OwnerOrGroupOfRoot);
    text.map_err(Error::of_secret(path))
}
