use std::io::{self, Read as _, Write};
use std::path::Path;

use pilotlight_files::{AtomicFile, FileAccess};
use pilotlight_model::Digest;
use sha2::{Digest as _, Sha256};
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{Method, StatusCode};

use crate::Progress;
use crate::artifact::{LONGEST_MANIFEST, Layer};
use crate::authorization::Action;
use crate::connection::Request;
use crate::error::{Error, Result};
use crate::index::{Entry, followed};
use crate::reference::read_digest;
use crate::refusal::read_up_to;
use crate::remote::Remote;

/// Bytes moved at once.
const BLOCK: usize = 256 << 10;
/// All manifests there are: a registry that has another than ours then says which.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// Limits of a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a component, in bytes.
    pub size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: 2 << 30 }
    }
}

/// A manifest or an index, as it came.
struct Document {
    digest: Digest,
    content_type: String,
    content: Vec<u8>,
}

/// Result of a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// SHA-256 of the component's manifest, also where the reference names an index.
    pub manifest: Digest,
    /// SHA-256 of the component.
    pub layer: Digest,
    /// Size of the component in bytes.
    pub size: u64,
}

impl Remote {
    /// Writes the component that the reference names to `to`. Of an index it is the only one for
    /// WebAssembly, or the only one at all. Whatever is there after an error is nothing to use.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the reference names something else, [`Error::TooLarge`] before any
    /// of it is read, [`Error::Digest`] and [`Error::Truncated`] if it is not what the manifest
    /// says or the manifest not what the reference says, [`Error::Write`] from `to`, and what the registry and the way to it lead to.
    pub fn pull(
        &mut self,
        to: &mut dyn Write,
        limits: &Limits,
        progress: Progress<'_>,
    ) -> Result<Pulled> {
        let (manifest, layer) = self.pull_manifest()?;
        if layer.size > limits.size {
            let reference = self.reference.to_string();
            return Err(Error::TooLarge { reference, size: layer.size, limit: limits.size });
        }
        self.pull_layer(&layer, to, progress)?;
        Ok(Pulled { manifest, layer: layer.digest, size: layer.size })
    }

    /// Writes the component that the reference names to a file: all of it or none.
    ///
    /// # Errors
    /// Those of [`Self::pull`]. What was at `path` is then there still.
    pub fn pull_file(
        &mut self,
        path: &Path,
        limits: &Limits,
        progress: Progress<'_>,
    ) -> Result<Pulled> {
        let mut file = AtomicFile::create(path, FileAccess::Public).map_err(Error::io(path))?;
        let temporary = file.path().to_owned();
        let pulled = self.pull(&mut file, limits, progress).map_err(|error| match error {
            Error::Write(error) => Error::io(temporary)(error),
            other => other,
        })?;
        file.commit(path).map_err(Error::io(path))?;
        Ok(pulled)
    }

    /// The manifest that the reference names, or the one that the index which it names leads to.
    fn pull_manifest(&mut self) -> Result<(Digest, Layer)> {
        let mut found = self.pull_document(&self.reference.manifest(), self.reference.digest())?;
        if let Some(Entry { digest, size }) = self.read(&found, followed)? {
            found = self.pull_document(&format!("sha256:{digest}"), Some(digest))?;
            let length = found.content.len() as u64;
            if length != size {
                let reason =
                    format!("its manifest has {length} bytes, but its index states {size}");
                return Err(self.not_ours(reason));
            }
            if self.read(&found, followed)?.is_some() {
                let reason = "it is an index of an index, which is not followed";
                return Err(self.not_ours(reason.to_owned()));
            }
        }
        let layer = self.read(&found, Layer::of)?;
        Ok((found.digest, layer))
    }

    fn read<T>(
        &self,
        document: &Document,
        read: impl FnOnce(&[u8], &str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        read(&document.content, &document.content_type).map_err(|reason| self.not_ours(reason))
    }

    fn not_ours(&self, reason: String) -> Error {
        Error::Artifact { reference: self.reference.to_string(), reason }
    }

    /// The manifest or the index called `name`, whose digest has to be `expected`.
    fn pull_document(&mut self, name: &str, expected: Option<Digest>) -> Result<Document> {
        let request = reading(MANIFESTS);
        let uri = self.address(&format!("manifests/{name}"))?;
        let mut response = self.send(&request, &uri, &mut |_, _| {})?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(request.doing, response, &uri));
        }
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let promised = text("docker-content-digest").and_then(read_digest);
        let content_type = media_type(text(CONTENT_TYPE.as_str()).unwrap_or_default());
        let manifest = read_up_to(response.body_mut(), LONGEST_MANIFEST);
        let manifest = manifest.map_err(|error| self.failed(&uri, &error.into()))?;
        let found = Digest::of(&manifest);
        for expected in [expected, promised].into_iter().flatten() {
            if expected != found {
                let what = format!("the manifest of {}", self.reference);
                return Err(Error::Digest { what, expected, found });
            }
        }
        Ok(Document { digest: found, content_type, content: manifest })
    }

    fn pull_layer(
        &mut self,
        layer: &Layer,
        to: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<()> {
        let request = reading("*/*");
        let uri = self.address(&format!("blobs/sha256:{}", layer.digest))?;
        let mut response = self.send(&request, &uri, &mut |_, _| {})?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(request.doing, response, &uri));
        }
        let length = response.body().content_length();
        if let Some(length) = length.filter(|length| *length != layer.size) {
            let message =
                format!("it sends {length} bytes for a component of {} bytes", layer.size);
            return Err(self.answer(&uri, request.doing, message));
        }
        let what = format!("the component of {}", self.reference);
        let mut body = response.body_mut().with_config().limit(layer.size).reader();
        let mut hash = Sha256::new();
        let mut block = vec![0; BLOCK];
        let mut done = 0;
        loop {
            let read = match body.read(&mut block) {
                Ok(0) => break,
                Ok(read) => &block[..read],
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(self.failed(&uri, &error.into())),
            };
            hash.update(read);
            to.write_all(read).map_err(Error::Write)?;
            done += read.len() as u64;
            progress(done, layer.size);
        }
        if done != layer.size {
            return Err(Error::Truncated { what, expected: layer.size, found: done });
        }
        match Digest::from(<[u8; 32]>::from(hash.finalize())) {
            found if found != layer.digest => {
                Err(Error::Digest { what, expected: layer.digest, found })
            }
            _ => Ok(()),
        }
    }
}

fn reading(accept: &'static str) -> Request<'static> {
    let (action, doing) = (Action::Pull, "pulling");
    Request { action, doing, method: Method::GET, accept, body: None }
}

/// What a `Content-Type` names, without parameters such as `charset`; case does not matter (RFC 9110,
/// section 8.3.1).
fn media_type(content_type: &str) -> String {
    let name = content_type.split(';').next().unwrap_or_default();
    name.trim().to_ascii_lowercase()
}
