//! Streams that count and hash what passes through them.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// The digest of `content` as OCI spells it: `sha256:` and 64 hexadecimal digits.
pub(crate) fn of(content: &[u8]) -> String {
    spelled(Sha256::new_with_prefix(content))
}

/// Hashes what it passes on.
pub(crate) struct Hashed<W> {
    inner: W,
    hasher: Sha256,
    length: u64,
}

impl<W: Write> Hashed<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), length: 0 }
    }

    /// The stream itself, the digest of what passed, and its length in bytes.
    pub(crate) fn finish(self) -> (W, String, u64) {
        (self.inner, spelled(self.hasher), self.length)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn spelled(hasher: Sha256) -> String {
    use std::fmt::Write as _;

    let mut digest = "sha256:".to_owned();
    for byte in hasher.finalize() {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}
