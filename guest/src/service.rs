//! The function's endpoints, on plain values: which request is what, and its answer.

use std::collections::BTreeMap;

use pilotlight_model::{Digest, Limits, ModelFolder, Task};
use pilotlight_wire::{normalize_path, without_trailing_slash};
use serde::Serialize;
use serde_json::Value;

use crate::api::{ApiError, parse};
use crate::engine::Placement;
use crate::model::{LoadError, Model, Timings};
use crate::tasks;
use crate::tasks::token_classification::RedactRequest;

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/TASK`, and `POST /` for the model's own task.
    Task(Task),
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
/// Paths of tasks begin with it.
const TASKS: &str = "/v1/";
const REDACT: &str = "/v1/redact";
const INFO: &str = "/info";

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

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A loaded model and the answers it gives.
pub struct Service {
    model: Model,
    /// What it can do, its own task first.
    tasks: Vec<Task>,
    info: Info,
    /// What `GET /info` answers, written once: the snapshot holds it.
    info_json: Vec<u8>,
}

/// What a host needs to know of a service.
pub struct Description {
    /// What `GET /info` answers.
    pub info: String,
    /// The model's own task.
    pub task: Task,
    /// Method, path and task of each endpoint.
    pub endpoints: Vec<(&'static str, String, Task)>,
    /// A request that every version has to answer before it serves: its path and body.
    pub sample: (String, Value),
    /// How two builds of the model are compared, by requests to the same path.
    pub agreement: tasks::Agreement,
}

/// `GET /info`.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    model: String,
    task: Task,
    tasks: Vec<Task>,
    digest: Digest,
    files: BTreeMap<String, Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Tensor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<Tensor>,
    license: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    limits: Limits,
    compute: &'static str,
    version: &'static str,
}

/// An input or output of a graph that is called with tensors; -1 stands for any size.
#[derive(Debug, Clone, Serialize)]
struct Tensor {
    name: String,
    datatype: &'static str,
    shape: Vec<i64>,
}

impl Info {
    fn new(folder: &ModelFolder, model: &Model, tasks: &[Task]) -> Self {
        let manifest = folder.manifest().clone();
        let files = manifest.files.into_iter().map(|(name, file)| (name, file.sha256)).collect();
        let text = model.text();
        let (inputs, outputs) = match model {
            Model::Text(_) => (Vec::new(), Vec::new()),
            Model::Tensors(engine) => (tensors(engine.inputs()), tensors(engine.outputs())),
        };
        Self {
            model: manifest.name,
            task: manifest.task,
            tasks: tasks.to_vec(),
            digest: folder.digest(),
            files,
            max_length: text.map(|text| text.max_length),
            labels: text.map(|text| text.labels.names().to_vec()).unwrap_or_default(),
            inputs,
            outputs,
            license: manifest.license,
            attribution: manifest.attribution,
            origin: manifest.origin,
            limits: manifest.limits,
            compute: model.place(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

fn tensors(ports: &[crate::engine::Port]) -> Vec<Tensor> {
    let size = |dim: &Option<usize>| dim.map_or(-1, |size| size as i64);
    let tensor = |port: &crate::engine::Port| Tensor {
        name: port.name.clone(),
        datatype: port.element.name(),
        shape: port.dims.iter().map(size).collect(),
    };
    ports.iter().map(tensor).collect()
}

impl Service {
    /// Loads the model in `folder`, computed where `placement` says, and has it answer its sample.
    ///
    /// # Errors
    /// [`LoadError`] naming the file and the reason.
    pub fn load(folder: &ModelFolder, placement: Placement) -> Result<Self, LoadError> {
        let model = Model::load(folder, placement)?;
        let task = folder.manifest().task;
        let tasks = tasks::able(task, &model);
        let info = Info::new(folder, &model, &tasks);
        // None of its types provokes an error.
        let info_json = serde_json::to_vec(&info).unwrap_or_default();
        let service = Self { model, tasks, info, info_json };
        service.try_out(folder)?;
        Ok(service)
    }

    /// Has each task answer a sample, so that what is built on first use is built now.
    fn try_out(&self, folder: &ModelFolder) -> Result<(), LoadError> {
        for task in &self.tasks {
            let sample = tasks::sample(*task, &self.model).to_string();
            let answer =
                tasks::answer(&self.model, *task, sample.as_bytes(), &mut Timings::default());
            answer.map_err(|error| LoadError::Mismatch {
                file: folder.manifest().onnx_file.clone(),
                reason: format!("does not work on a sample of {task}: {error}"),
            })?;
        }
        Ok(())
    }

    /// What a host needs to know.
    pub fn description(&self) -> Description {
        let own = self.info.task;
        let path = |task: Task| format!("{TASKS}{task}");
        let mut endpoints = vec![(POST, "/".to_owned(), own)];
        endpoints.extend(self.tasks.iter().map(|task| (POST, path(*task), *task)));
        if self.redacts() {
            endpoints.push((POST, REDACT.to_owned(), own));
        }
        endpoints.push(("GET", INFO.to_owned(), own));
        Description {
            info: String::from_utf8_lossy(&self.info_json).into_owned(),
            task: own,
            endpoints,
            sample: (path(own), tasks::sample(own, &self.model)),
            agreement: tasks::agreement(own, &self.model),
        }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The limits of the model's manifest.
    pub fn limits(&self) -> Limits {
        self.info.limits
    }

    fn redacts(&self) -> bool {
        self.tasks.contains(&Task::TokenClassification)
    }

    /// Finds the endpoint a request is for.
    ///
    /// # Errors
    /// [`ApiError`] with status 400, 404, 405 or 415.
    pub fn route(&self, head: Head<'_>) -> Result<Endpoint, ApiError> {
        // Once more for hosts that hand paths on as they were sent.
        let path = normalize_path(head.path).map_err(|bad| ApiError::Malformed(bad.to_string()))?;
        let (endpoint, allow) = match without_trailing_slash(&path) {
            "/" => (Endpoint::Task(self.info.task), POST),
            INFO => (Endpoint::Info, GET),
            REDACT if self.redacts() => (Endpoint::Redact, POST),
            "*" if head.method == "OPTIONS" => (Endpoint::Info, "GET, HEAD, POST"),
            path => {
                let name = path.strip_prefix(TASKS);
                let task = self.tasks.iter().find(|task| Some(task.name()) == name);
                let task = task.ok_or_else(|| ApiError::NotFound(head.path.to_owned()))?;
                (Endpoint::Task(*task), POST)
            }
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
            Endpoint::Task(task) => tasks::answer(&self.model, task, body, timings),
            Endpoint::Redact => match self.model.text() {
                Some(text) => tasks::json(&text.redact(parse::<RedactRequest>(body)?, timings)?),
                None => Err(ApiError::NotFound(REDACT.to_owned())),
            },
            Endpoint::Info => Ok(self.info_json.clone()),
            Endpoint::Options { .. } => Ok(Vec::new()),
        }
    }
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
