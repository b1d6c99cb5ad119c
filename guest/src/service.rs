//! The function's endpoints, on plain values: which request is what, and its answer.

use std::collections::BTreeMap;

use pilotlight_model::{Digest, Limits, ModelFolder, Task};
use pilotlight_wire::{normalize_path, without_trailing_slash};
use serde::Serialize;

use crate::api::{ApiError, ClassifyRequest, Entity, Inputs, RedactRequest, parse};
use crate::compute::Placement;
use crate::load::{LoadError, load};
use crate::pipeline::{Pipeline, Timings};

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /` and `POST /v1/token-classification`
    Classify,
    /// `POST /v1/redact`
    Redact,
    /// `GET` and `HEAD` of `/info`; the host leaves the content of an answer to `HEAD` out.
    Info,
    /// `OPTIONS` of any of them, and what the path allows.
    Options {
        /// The methods the path takes.
        allow: &'static str,
    },
}

/// Methods of endpoints that read JSON.
const POST: &str = "POST";
/// Methods of endpoints that are only read.
const GET: &str = "GET, HEAD";

/// What there is to know of a request before its body.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The `content-type` header, if there is one.
    pub content_type: Option<&'a str>,
}

/// Finds the endpoint a request is for.
///
/// # Errors
/// [`ApiError`] with status 400, 404, 405 or 415.
pub fn route(head: Head<'_>) -> Result<Endpoint, ApiError> {
    // Once more for hosts that hand paths on as they were sent.
    let path = normalize_path(head.path).map_err(|bad| ApiError::Malformed(bad.to_string()))?;
    let (endpoint, allow) = match without_trailing_slash(&path) {
        "/" | "/v1/token-classification" => (Endpoint::Classify, POST),
        "/v1/redact" => (Endpoint::Redact, POST),
        "/info" => (Endpoint::Info, GET),
        "*" if head.method == "OPTIONS" => (Endpoint::Info, "GET, HEAD, POST"),
        _ => return Err(ApiError::NotFound(head.path.to_owned())),
    };
    if head.method == "OPTIONS" {
        return Ok(Endpoint::Options { allow });
    }
    if !allow.split(", ").any(|method| method == head.method) {
        return Err(ApiError::MethodNotAllowed { method: head.method.to_owned(), allow });
    }
    match head.content_type {
        Some(content_type) if endpoint != Endpoint::Info && !is_json(content_type) => {
            Err(ApiError::UnsupportedMediaType(content_type.to_owned()))
        }
        _ => Ok(endpoint),
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A loaded model and the answers it gives.
pub struct Service {
    pipeline: Pipeline,
    info: Info,
    /// What `GET /info` answers, written once: the snapshot holds it.
    info_json: Vec<u8>,
}

/// `GET /info`.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    model: String,
    task: Task,
    digest: Digest,
    files: BTreeMap<String, Digest>,
    max_length: usize,
    labels: Vec<String>,
    license: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    limits: Limits,
    compute: &'static str,
    version: &'static str,
}

impl Info {
    fn new(folder: &ModelFolder, pipeline: &Pipeline) -> Self {
        let manifest = folder.manifest().clone();
        let files = manifest.files.into_iter().map(|(name, file)| (name, file.sha256)).collect();
        Self {
            model: manifest.name,
            task: manifest.task,
            digest: folder.digest(),
            files,
            max_length: manifest.max_length.unwrap_or_default(),
            labels: pipeline.labels().to_vec(),
            license: manifest.license,
            attribution: manifest.attribution,
            origin: manifest.origin,
            limits: manifest.limits,
            compute: pipeline.place(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Classified {
    One(Vec<Entity>),
    Many(Vec<Vec<Entity>>),
}

impl Service {
    /// Loads the model in `folder`, computed where `placement` says.
    ///
    /// # Errors
    /// [`LoadError`] naming the file and the reason.
    pub fn load(folder: &ModelFolder, placement: Placement) -> Result<Self, LoadError> {
        let pipeline = load(folder, placement)?;
        let info = Info::new(folder, &pipeline);
        // None of its types provokes an error.
        let info_json = serde_json::to_vec(&info).unwrap_or_default();
        Ok(Self { pipeline, info, info_json })
    }

    /// What `GET /info` answers.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The limits of the model's manifest.
    pub fn limits(&self) -> Limits {
        self.info.limits
    }

    /// Answers a request: JSON.
    ///
    /// # Errors
    /// [`ApiError`] when the body is not a valid request.
    pub fn answer(
        &self,
        endpoint: Endpoint,
        body: &[u8],
        timings: &mut Timings,
    ) -> Result<Vec<u8>, ApiError> {
        match endpoint {
            Endpoint::Classify => json(&self.classify(parse(body)?, timings)?),
            Endpoint::Redact => {
                json(&self.pipeline.redact(parse::<RedactRequest>(body)?, timings)?)
            }
            Endpoint::Info => Ok(self.info_json.clone()),
            Endpoint::Options { .. } => Ok(Vec::new()),
        }
    }

    fn classify(
        &self,
        request: ClassifyRequest,
        timings: &mut Timings,
    ) -> Result<Classified, ApiError> {
        let ClassifyRequest { inputs, parameters, .. } = request;
        let mut classify = |texts: &[&str]| self.pipeline.classify(texts, &parameters, timings);
        match inputs {
            Inputs::One(text) => Ok(Classified::One(classify(&[&text])?.pop().unwrap_or_default())),
            Inputs::Many(texts) if texts.is_empty() => {
                Err(ApiError::Invalid("inputs is empty; send at least one text".into()))
            }
            Inputs::Many(texts) => {
                let limit = self.limits().max_inputs;
                if texts.len() > limit {
                    let message = format!("{} inputs are more than {limit}", texts.len());
                    return Err(ApiError::Invalid(message));
                }
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                Ok(Classified::Many(classify(&texts)?))
            }
        }
    }
}

/// Serialises an answer.
///
/// # Errors
/// [`ApiError::Internal`]; none of our types provokes it.
fn json(answer: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(answer).map_err(|error| ApiError::Internal(error.to_string()))
}

/// The body of an error: `{"error", "error_type"}`.
pub fn error_body(error: &ApiError) -> Vec<u8> {
    #[derive(Serialize)]
    struct ErrorBody<'a> {
        error: String,
        error_type: &'a str,
    }
    let body = ErrorBody { error: error.to_string(), error_type: error.error_type() };
    serde_json::to_vec(&body).unwrap_or_default()
}
