//! Requests to a Hub: where they may go, and who is told the token.

use pilotlight_http_client::is_loopback;
use pilotlight_model::Digest;
use pilotlight_secret::Secret;
use ureq::http::header::{AUTHORIZATION, ETAG, HeaderValue, LOCATION};
use ureq::http::uri::Scheme;
use ureq::http::{HeaderMap, Response, StatusCode, Uri};
use ureq::{Agent, Body};

use super::info::Info;
use super::model::HubModel;
use crate::artifact::shown;
use crate::error::{Error, Result};
use crate::refusal::{authority, read_up_to};
use crate::remote::agent;
use crate::url::{may_follow, resolve, same_origin};

const REDIRECTIONS: usize = 5;
/// Longest answer about a model; 10,000 files take 2 MB.
const LONGEST_ANSWER: u64 = 8 << 20;
/// What the Hub says of a file that lies in large-file storage, before it sends elsewhere for it.
const LINKED_ETAG: &str = "x-linked-etag";

/// A Hub and who asks it.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: String,
    home: Uri,
    /// Marked as sensitive, so that it does not show itself.
    authorization: Option<HeaderValue>,
    agent: Agent,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// The Hub cannot be reached.
    Away(Error),
    Other(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(error) | Failure::Other(error) => error,
        }
    }
}

/// A file that is being sent.
pub(super) struct Download {
    pub(super) body: Body,
    /// What the Hub says its digest is.
    pub(super) sha256: Option<Digest>,
}

impl Client {
    /// Prepares to ask the Hub at `endpoint`; connects to nobody yet.
    ///
    /// # Errors
    /// [`Error::Hub`] if it is no address, or the token would be sent without TLS.
    pub(super) fn new(endpoint: &str, token: Option<&Secret>) -> Result<Self> {
        let wrong = |reason: &str| Error::Hub {
            model: format!("HF_ENDPOINT {}", shown(endpoint)),
            reason: reason.to_owned(),
        };
        let endpoint = endpoint.trim_end_matches('/');
        let home: Uri = endpoint.parse().map_err(|_| wrong("is not a URL"))?;
        let host = home.host().unwrap_or_default();
        let is_http = home.scheme() == Some(&Scheme::HTTP);
        if host.is_empty()
            || home.query().is_some()
            || !(is_http || home.scheme() == Some(&Scheme::HTTPS))
        {
            return Err(wrong("is not a URL of a server; write https://HOST"));
        }
        if is_http && token.is_some() && !is_loopback(host) {
            return Err(wrong(
                "does not use TLS, so HF_TOKEN is not sent to it; use https, or unset HF_TOKEN",
            ));
        }
        let value = token.map(|token| HeaderValue::from_str(&format!("Bearer {}", token.text())));
        let unusable = |_| Error::Hub {
            model: "HF_TOKEN".to_owned(),
            reason: "holds characters that no token has".to_owned(),
        };
        let mut authorization = value.transpose().map_err(unusable)?;
        authorization.iter_mut().for_each(|value| value.set_sensitive(true));
        let agent = agent(host);
        Ok(Self { endpoint: endpoint.to_owned(), home, authorization, agent })
    }

    /// The commit that a model's revision names now, and its files.
    pub(super) fn info(&self, model: &HubModel) -> std::result::Result<Info, Failure> {
        let (repository, revision) = (model.repository(), encoded(model.revision()));
        let path = format!("api/models/{repository}/revision/{revision}?blobs=true");
        let (mut response, _) = self.get(model, &path)?;
        let text = read_up_to(response.body_mut(), LONGEST_ANSWER);
        let text = text.map_err(|error| Failure::Away(self.failed(model, &error.into())))?;
        let info = Info::parse(&text).map_err(|reason| hub(model, reason));
        info.map_err(Failure::Other)
    }

    /// Begins to fetch a file of a commit.
    pub(super) fn download(&self, model: &HubModel, commit: &str, name: &str) -> Result<Download> {
        let name: Vec<_> = name.split('/').map(encoded).collect();
        let path = format!("{}/resolve/{commit}/{}", model.repository(), name.join("/"));
        let (response, sha256) = self.get(model, &path)?;
        Ok(Download { body: response.into_body(), sha256 })
    }

    /// Asks for a path of the Hub and goes where it is sent; also returns the digest that the Hub itself
    /// gives of what is there.
    fn get(
        &self,
        model: &HubModel,
        path: &str,
    ) -> std::result::Result<(Response<Body>, Option<Digest>), Failure> {
        let other = |reason: String| Failure::Other(hub(model, reason));
        let text = format!("{}/{path}", self.endpoint);
        let mut uri: Uri =
            text.parse().map_err(|_| other("does not result in a valid URL".to_owned()))?;
        let mut sha256 = None;
        for _ in 0..=REDIRECTIONS {
            let response = self.once(&uri);
            let response = response.map_err(|error| Failure::Away(self.failed(model, &error)))?;
            if same_origin(&uri, &self.home) {
                sha256 = linked_digest(response.headers()).or(sha256);
            }
            match response.status() {
                StatusCode::OK => return Ok((response, sha256)),
                status if status.is_redirection() => {
                    uri = self.location(&response, &uri).map_err(other)?;
                }
                status => return Err(self.refusal(model, status, &uri)),
            }
        }
        Err(other("the Hub redirects too often".to_owned()))
    }

    fn once(&self, uri: &Uri) -> std::result::Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.get(uri);
        // Only the Hub itself is told who asks.
        if let Some(authorization) = &self.authorization
            && same_origin(uri, &self.home)
        {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        request.call()
    }

    fn location(&self, response: &Response<Body>, from: &Uri) -> std::result::Result<Uri, String> {
        let text = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let text = text.ok_or("the Hub's redirect has no `location` header")?;
        let uri = resolve(from, text);
        let uri = uri.ok_or_else(|| {
            format!("the Hub redirects to {}, which is not a usable URL", shown(text))
        })?;
        // Somebody who asks another machine without TLS has chosen to.
        let plain =
            self.home.scheme() == Some(&Scheme::HTTP) && !self.home.host().is_some_and(is_loopback);
        let allowed = may_follow(&self.home, &uri, plain);
        allowed
            .then_some(uri)
            .ok_or_else(|| format!("the Hub redirects to {}, which does not use TLS", shown(text)))
    }

    fn refusal(&self, model: &HubModel, status: StatusCode, from: &Uri) -> Failure {
        let host = authority(from);
        let reason = match (status, &self.authorization) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
                format!("{host} has no such model, or it is private or gated; set HF_TOKEN")
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(_)) => format!(
                "{host} does not allow the owner of HF_TOKEN to read the model; accept its terms \
                 on its page, and check the token"
            ),
            (StatusCode::NOT_FOUND, _) => format!("{host} has no such model, revision or file"),
            (StatusCode::TOO_MANY_REQUESTS, _) => {
                format!("{host} limits the rate of requests; try again later")
            }
            (status, _) => format!("{host} answers with status {status}"),
        };
        let error = hub(model, reason);
        let is_away = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if is_away { Failure::Away(error) } else { Failure::Other(error) }
    }

    /// A request that came to nothing.
    pub(super) fn failed(&self, model: &HubModel, error: &ureq::Error) -> Error {
        hub(model, format!("{} cannot be reached: {error}", authority(&self.home)))
    }
}

pub(super) fn hub(model: &HubModel, reason: String) -> Error {
    Error::Hub { model: model.to_string(), reason }
}

/// A digest in `X-Linked-Etag` or `ETag`; that of a file which is not in large-file storage is another.
fn linked_digest(headers: &HeaderMap) -> Option<Digest> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let etag = text(LINKED_ETAG).or_else(|| text(ETAG.as_str()))?;
    Digest::from_hex(etag.trim_start_matches("W/").trim_matches('"'))
}

/// One part of a path, as URLs have it.
fn encoded(part: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(part, PART).to_string()
}
