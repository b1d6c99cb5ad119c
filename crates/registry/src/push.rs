use pilotlight_model::Digest;
use ureq::http::{Method, StatusCode};

use crate::Progress;
use crate::artifact::{Annotations, Artifact, Blob, MANIFEST};
use crate::authorization::Action;
use crate::connection::Request;
use crate::error::{Error, Result};
use crate::graph::{self, INDEX, NO_CONFIG};
use crate::reference::read_digest;
use crate::remote::Remote;

/// Result of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// SHA-256 of the manifest: what `@sha256:…` in a reference names.
    pub manifest: Digest,
    /// SHA-256 of the component.
    pub layer: Digest,
    /// Size of the component in bytes.
    pub size: u64,
    /// The graph that was pushed with it.
    pub graph: Option<Blob>,
}

/// A manifest that a registry has stored.
struct Stored {
    digest: Digest,
    /// Whether the registry has noted what its `subject` is.
    is_referrer: bool,
}

impl Remote {
    /// Stores `component` under the reference's tag (`latest` if it has none), which names it
    /// only once all of it is there. What the registry has already is not sent again.
    ///
    /// # Errors
    /// [`Error::Component`] if it is none, [`Error::Reference`] if the reference has a digest,
    /// and what the registry and the way to it lead to.
    pub fn push(
        &mut self,
        component: &[u8],
        annotations: &Annotations,
        progress: Progress<'_>,
    ) -> Result<Pushed> {
        self.push_artifact((component, None), annotations, progress)
    }

    /// The same, with the graph that the host computes for the component. Readers of the Wasm layout find
    /// the component alone.
    ///
    /// # Errors
    /// Those of [`Self::push`].
    pub fn push_with_graph(
        &mut self,
        component: &[u8],
        graph: &[u8],
        annotations: &Annotations,
        progress: Progress<'_>,
    ) -> Result<Pushed> {
        self.push_artifact((component, Some(graph)), annotations, progress)
    }

    fn push_artifact(
        &mut self,
        (component, graph): (&[u8], Option<&[u8]>),
        annotations: &Annotations,
        progress: Progress<'_>,
    ) -> Result<Pushed> {
        if self.reference.digest().is_some() {
            let reason = "a push is named by its tag, and makes its digest";
            let text = self.reference.to_string();
            return Err(Error::Reference { text, reason: reason.to_owned() });
        }
        let graph = graph.map(|content| (content, Blob::of(content)));
        let graph_blob = graph.map(|(_, blob)| blob);
        let artifact = Artifact::of(component, graph_blob, annotations)?;
        self.push_blob(component, artifact.layer, progress)?;
        self.push_blob(&artifact.config, Digest::of(&artifact.config), &mut |_, _| {})?;
        if let Some((content, blob)) = graph {
            self.push_blob(content, blob.digest, progress)?;
            self.push_graph_manifest(blob, &artifact.manifest)?;
        }
        let name = self.reference.manifest();
        let manifest = self.push_manifest(&artifact.manifest, MANIFEST, &name)?.digest;
        let size = component.len() as u64;
        Ok(Pushed { manifest, layer: artifact.layer, size, graph: graph_blob })
    }

    /// Stores the manifest of a graph whose blob is there, for the component whose manifest is `subject`. A
    /// registry takes it before its subject (OCI distribution specification, "Pushing Manifests with
    /// Subject").
    fn push_graph_manifest(&mut self, graph: Blob, subject: &[u8]) -> Result<()> {
        self.push_blob(NO_CONFIG, Digest::of(NO_CONFIG), &mut |_, _| {})?;
        let manifest = graph::manifest(graph, subject)?;
        let name = format!("sha256:{}", Digest::of(&manifest));
        if self.push_manifest(&manifest, MANIFEST, &name)?.is_referrer {
            return Ok(());
        }
        self.list_referrer(&manifest, Digest::of(subject))
    }

    /// Lists a manifest under the tag that stands for the referrers of `subject` in registries without an
    /// API for them (OCI distribution specification, "Referrers Tag Schema"). They would discard a manifest
    /// without a tag.
    fn list_referrer(&mut self, manifest: &[u8], subject: Digest) -> Result<()> {
        let tag = format!("sha256-{subject}");
        let before = match self.pull_document(&tag, None) {
            Ok(document) => Some(document.content),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let index = graph::with_referrer(before.as_deref(), manifest).map_err(|reason| {
            let message = format!("the tag {tag} is not a list of referrers: {reason}");
            Error::Answer { registry: self.reference.registry(), doing: "pushing", message }
        })?;
        let Some(index) = index else { return Ok(()) };
        self.push_manifest(&index, INDEX, &tag).map(drop)
    }

    fn push_blob(&mut self, bytes: &[u8], digest: Digest, progress: Progress<'_>) -> Result<()> {
        const DOING: &str = "pushing";
        let mut request = Request {
            action: Action::Push,
            doing: DOING,
            method: Method::HEAD,
            accept: "*/*",
            body: None,
        };
        let uri = self.address(&format!("blobs/sha256:{digest}"))?;
        if self.send(&request, &uri, &mut |_, _| {})?.status() == StatusCode::OK {
            progress(bytes.len() as u64, bytes.len() as u64);
            return Ok(());
        }
        request.method = Method::POST;
        request.body = Some((&[], ""));
        let uri = self.address("blobs/uploads/")?;
        let response = self.send(&request, &uri, &mut |_, _| {})?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(self.refusal(DOING, response, &uri));
        }
        let location = self.location(DOING, &response, &uri)?;
        let text = location.to_string();
        let mark = if text.contains('?') { '&' } else { '?' };
        let uri = format!("{text}{mark}digest=sha256%3A{digest}");
        let uri = uri
            .parse()
            .map_err(|_| self.answer(&location, DOING, "its upload URL is not valid".to_owned()))?;
        request.method = Method::PUT;
        request.body = Some((bytes, "application/octet-stream"));
        let response = self.send(&request, &uri, progress)?;
        match response.status() {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refusal(DOING, response, &uri)),
        }
    }

    fn push_manifest(
        &mut self,
        manifest: &[u8],
        media_type: &'static str,
        name: &str,
    ) -> Result<Stored> {
        let request = Request {
            action: Action::Push,
            doing: "pushing",
            method: Method::PUT,
            accept: "*/*",
            body: Some((manifest, media_type)),
        };
        let uri = self.address(&format!("manifests/{name}"))?;
        let response = self.send(&request, &uri, &mut |_, _| {})?;
        if response.status() != StatusCode::CREATED {
            return Err(self.refusal(request.doing, response, &uri));
        }
        let digest = Digest::of(manifest);
        let header = response.headers().get("docker-content-digest");
        let stored = header.and_then(|value| value.to_str().ok()).and_then(read_digest);
        match stored.filter(|stored| *stored != digest) {
            Some(found) => Err(Error::Digest {
                what: format!("the manifest that {} stored", self.reference.registry()),
                expected: digest,
                found,
            }),
            None => {
                let is_referrer = response.headers().contains_key("oci-subject");
                Ok(Stored { digest, is_referrer })
            }
        }
    }
}
