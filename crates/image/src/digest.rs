//! SHA-256 digests in the notation of OCI, also of streams.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// The digest of `content` as OCI spells it: `sha256:` and 64 hexadecimal digits.
pub(crate) fn of(content: &[u8]) -> String {
    formatted(Sha256::new_with_prefix(content))
}

/// A writer that hashes and counts the bytes that it passes on.
pub(crate) struct Hashed<W> {
    inner: W,
    hasher: Sha256,
    length: u64,
}

impl<W: Write> Hashed<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), length: 0 }
    }

    /// The inner writer, the digest of all bytes, and their number.
    pub(crate) fn finish(self) -> (W, String, u64) {
        (self.inner, formatted(self.hasher), self.length)
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

fn formatted(hasher: Sha256) -> String {
    use std::fmt::Write as _;

    let mut digest = "sha256:".to_owned();
    for byte in hasher.finalize() {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}
