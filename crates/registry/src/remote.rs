use std::time::Duration;

use pilotlight_http_client::tls;
use ureq::Agent;
use ureq::http::Uri;
use ureq::http::header::HeaderValue;

use crate::credentials::Credentials;
use crate::error::Result;
use crate::reference::Reference;

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(30);
/// Longest silence within a transfer; a registry may have to move what it was sent to its storage.
const SILENCE: Duration = Duration::from_secs(120);

/// A reference and how to reach it.
#[derive(Debug)]
pub struct Remote {
    pub(crate) reference: Reference,
    pub(crate) credentials: Credentials,
    pub(crate) plain_http: bool,
    pub(crate) agent: Agent,
    /// Last accepted by the registry; marked as sensitive, so that it does not show itself.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Remote {
    /// Prepares to push to or pull from `reference`; connects to nobody yet.
    pub fn new(reference: Reference, credentials: Credentials) -> Self {
        let agent = agent(reference.host());
        Self { reference, credentials, plain_http: false, agent, authorization: None }
    }

    /// Speaks to the registry without TLS, as is always done on this machine. What is sent, the
    /// credentials too, can then be read on the way.
    #[must_use]
    pub fn plain_http(self, allowed: bool) -> Self {
        Self { plain_http: allowed, ..self }
    }

    /// The address of `path` under the repository.
    pub(crate) fn address(&self, path: &str) -> Result<Uri> {
        let plain = self.plain_http || self.reference.is_loopback();
        let scheme = if plain { "http" } else { "https" };
        let (registry, repository) = (self.reference.address(), self.reference.repository());
        let text = format!("{scheme}://{registry}/v2/{repository}/{path}");
        text.parse().map_err(|error| self.unreachable(&registry, &format!("{text}: {error}")))
    }
}

/// An agent for a registry or a hub at `host`. Whether credentials go along with a redirect depends on the
/// port, too: see `follow`.
pub(crate) fn agent(host: &str) -> Agent {
    pilotlight_http_client::agent(host)
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        // Always: a registry without TLS can lead to one with it.
        .tls_config(tls())
        .build()
        .new_agent()
}
