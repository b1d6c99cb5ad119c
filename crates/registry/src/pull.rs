use std::io::{self, Read as _, Write};
use std::path::Path;

use pilotlight_files::{AtomicFile, FileAccess};
use pilotlight_model::Digest;
use sha2::{Digest as _, Sha256};
use ureq::Body;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{Method, Response, StatusCode};

use crate::Progress;
use crate::artifact::{Blob, Blobs, LONGEST_MANIFEST};
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
    /// Maximum size of its graph, in bytes.
    pub graph: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: 2 << 30, graph: 4 << 30 }
    }
}

/// A manifest or an index, as it came.
pub(crate) struct Document {
    digest: Digest,
    content_type: String,
    pub(crate) content: Vec<u8>,
}

/// What a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// SHA-256 of what the reference itself names: the component's manifest, or an index.
    pub named: Digest,
    /// SHA-256 of the component's manifest.
    pub manifest: Digest,
    /// The component.
    pub component: Blob,
    /// The graph that the host computes for it, if its manifest names one.
    pub graph: Option<Blob>,
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
    /// The graph that the host computes for it, if its manifest names one.
    pub graph: Option<Blob>,
}

impl From<Found> for Pulled {
    fn from(found: Found) -> Self {
        let Found { manifest, component: Blob { digest, size }, graph, .. } = found;
        Self { manifest, layer: digest, size, graph }
    }
}

impl Remote {
    /// The digest of what the reference names now: of a manifest, or of an index.
    ///
    /// # Errors
    /// What the registry and the way to it lead to.
    pub fn digest(&mut self) -> Result<Digest> {
        if let Some(digest) = self.reference.digest() {
            return Ok(digest);
        }
        let name = self.reference.manifest();
        let request = Request { method: Method::HEAD, ..reading(MANIFESTS) };
        let uri = self.address(&format!("manifests/{name}"))?;
        let response = self.send(&request, &uri, &mut |_, _| {})?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(request.doing, response, &uri));
        }
        match stated_digest(&response) {
            Some(digest) => Ok(digest),
            None => Ok(self.pull_document(&name, None)?.digest),
        }
    }

    /// Finds what the reference names, without pulling it. Of an index it is the only component for
    /// WebAssembly, or the only one at all.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the reference names something else, [`Error::TooLarge`], [`Error::Digest`]
    /// if the manifest is not what the reference says, and what the registry and the way to it lead to.
    pub fn find(&mut self, limits: &Limits) -> Result<Found> {
        let found = self.find_manifest()?;
        let reference = self.reference.to_string();
        let graph =
            found.graph.map(|graph| (format!("the graph of {reference}"), graph, limits.graph));
        let component = (reference, found.component, limits.size);
        for (reference, Blob { size, .. }, limit) in std::iter::once(component).chain(graph) {
            if size > limit {
                return Err(Error::TooLarge { reference, size, limit });
            }
        }
        Ok(found)
    }

    /// Writes the component that was found to `to`. Whatever is there after an error is nothing to use.
    ///
    /// # Errors
    /// [`Error::Digest`] and [`Error::Truncated`] if it is not what its manifest says, [`Error::Write`] from
    /// `to`, and what the registry and the way to it lead to.
    pub fn pull_component(
        &mut self,
        found: &Found,
        to: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<()> {
        self.pull_blob("component", found.component, to, progress)
    }

    /// Writes the graph of a component to `to`. Whatever is there after an error is nothing to use.
    ///
    /// # Errors
    /// [`Error::NoGraph`] if the registry does not have it, and those of [`Self::pull_component`].
    pub fn pull_graph(
        &mut self,
        graph: Blob,
        to: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<()> {
        self.pull_blob("graph", graph, to, progress).map_err(|error| match error {
            Error::NotFound { reference, .. } => Error::NoGraph { reference, digest: graph.digest },
            other => other,
        })
    }

    /// Writes the component that the reference names to `to`. Of an index it is the only one for
    /// WebAssembly, or the only one at all. Whatever is there after an error is nothing to use.
    ///
    /// # Errors
    /// Those of [`Self::find`], before anything is written, and of [`Self::pull_component`].
    pub fn pull(
        &mut self,
        to: &mut dyn Write,
        limits: &Limits,
        progress: Progress<'_>,
    ) -> Result<Pulled> {
        let found = self.find(limits)?;
        self.pull_component(&found, to, progress)?;
        Ok(found.into())
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
        self.pull_files((path, None), limits, progress)
    }

    /// Writes the component that the reference names to a file, and its graph, if it has one, to another.
    /// The component is never there without its graph.
    ///
    /// # Errors
    /// Those of [`Self::pull`] and [`Self::pull_graph`]. What was at the path of the component is then there
    /// still.
    pub fn pull_files(
        &mut self,
        (path, graph_path): (&Path, Option<&Path>),
        limits: &Limits,
        progress: Progress<'_>,
    ) -> Result<Pulled> {
        let mut file = AtomicFile::create(path, FileAccess::Public).map_err(Error::io(path))?;
        let found = self.find(limits)?;
        let pulled = self.pull_component(&found, &mut file, progress);
        pulled.map_err(written_to(file.path()))?;
        if let (Some(graph), Some(path)) = (found.graph, graph_path) {
            self.pull_graph_file(graph, path, progress)?;
        }
        file.commit(path).map_err(Error::io(path))?;
        Ok(found.into())
    }

    fn pull_graph_file(&mut self, graph: Blob, path: &Path, progress: Progress<'_>) -> Result<()> {
        let mut file = AtomicFile::create(path, FileAccess::Public).map_err(Error::io(path))?;
        let pulled = self.pull_graph(graph, &mut file, progress);
        pulled.map_err(written_to(file.path()))?;
        file.commit(path).map_err(Error::io(path))
    }

    /// What the reference names, or what the index that it names leads to.
    fn find_manifest(&mut self) -> Result<Found> {
        let mut found = self.pull_document(&self.reference.manifest(), self.reference.digest())?;
        let named = found.digest;
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
        let Blobs { component, graph } = self.read(&found, Blobs::of)?;
        Ok(Found { named, manifest: found.digest, component, graph })
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
    pub(crate) fn pull_document(
        &mut self,
        name: &str,
        expected: Option<Digest>,
    ) -> Result<Document> {
        let request = reading(MANIFESTS);
        let uri = self.address(&format!("manifests/{name}"))?;
        let mut response = self.send(&request, &uri, &mut |_, _| {})?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(request.doing, response, &uri));
        }
        let promised = stated_digest(&response);
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = media_type(content_type.unwrap_or_default());
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

    fn pull_blob(
        &mut self,
        kind: &str,
        blob: Blob,
        to: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<()> {
        let request = reading("*/*");
        let uri = self.address(&format!("blobs/sha256:{}", blob.digest))?;
        let mut response = self.send(&request, &uri, &mut |_, _| {})?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(request.doing, response, &uri));
        }
        let length = response.body().content_length();
        if let Some(length) = length.filter(|length| *length != blob.size) {
            let message = format!("it sends {length} bytes for a {kind} of {} bytes", blob.size);
            return Err(self.answer(&uri, request.doing, message));
        }
        let what = format!("the {kind} of {}", self.reference);
        let mut body = response.body_mut().with_config().limit(blob.size).reader();
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
            progress(done, blob.size);
        }
        if done != blob.size {
            return Err(Error::Truncated { what, expected: blob.size, found: done });
        }
        match Digest::from(<[u8; 32]>::from(hash.finalize())) {
            found if found != blob.digest => {
                Err(Error::Digest { what, expected: blob.digest, found })
            }
            _ => Ok(()),
        }
    }
}

/// Names the file that could not be written to.
fn written_to(path: &Path) -> impl FnOnce(Error) -> Error {
    let path = path.to_owned();
    move |error| match error {
        Error::Write(error) => Error::io(path)(error),
        other => other,
    }
}

/// The digest that a registry states for what it sends.
fn stated_digest(response: &Response<Body>) -> Option<Digest> {
    let header = response.headers().get("docker-content-digest");
    header.and_then(|value| value.to_str().ok()).and_then(read_digest)
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
