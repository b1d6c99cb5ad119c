use pilotlight_model::Digest;
use ureq::http::{Method, StatusCode};

use crate::Progress;
use crate::artifact::{Annotations, Artifact, MANIFEST};
use crate::authorization::Action;
use crate::connection::Request;
use crate::error::{Error, Result};
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
        if self.reference.digest().is_some() {
            let reason = "a push is named by its tag, and makes its digest";
            let text = self.reference.to_string();
            return Err(Error::Reference { text, reason: reason.to_owned() });
        }
        let artifact = Artifact::of(component, annotations)?;
        self.push_blob(component, artifact.layer, progress)?;
        self.push_blob(&artifact.config, Digest::of(&artifact.config), &mut |_, _| {})?;
        let manifest = self.push_manifest(&artifact.manifest)?;
        Ok(Pushed { manifest, layer: artifact.layer, size: component.len() as u64 })
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

    fn push_manifest(&mut self, manifest: &[u8]) -> Result<Digest> {
        let request = Request {
            action: Action::Push,
            doing: "pushing",
            method: Method::PUT,
            accept: "*/*",
            body: Some((manifest, MANIFEST)),
        };
        let uri = self.address(&format!("manifests/{}", self.reference.manifest()))?;
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
            None => Ok(digest),
        }
    }
}
