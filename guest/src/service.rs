//! Which request is what, and its answer, on plain values.

use bytes::Bytes;
use pilotlight_model::{Limits, ModelFolder, Task};
use pilotlight_wire::{Dialect, Refusal, normalize_path, without_trailing_slash};
use serde_json::Value;

use crate::api::ApiError;
use crate::dialects::{
    Answer, Call, Opened, Route, Routes, SessionRoute, Split, TASKS, Target, openapi, routes,
    sessions, splits,
};
use crate::engine::Placement;
use crate::function::{Function, leaked};
use crate::model::{LoadError, Model, Usage};
use crate::tasks;

/// What a request asks for.
#[derive(Debug)]
pub struct Endpoint {
    wanted: Wanted,
    target: Target,
}

#[derive(Debug)]
enum Wanted {
    /// An answer.
    Answer(&'static Route),
    /// `OPTIONS`: what the path allows.
    Options(String),
}

/// What there is to know of a request before its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The `content-type` header, if there is one.
    pub content_type: Option<&'a str>,
    /// The `inference-header-content-length` header, if there is one.
    pub json_length: Option<&'a str>,
    /// The `user-agent` header, if there is one.
    pub user_agent: Option<&'a str>,
    /// The `accept` header, if there is one.
    pub accept: Option<&'a str>,
    /// The query, without `?`, if there is one.
    pub query: Option<&'a str>,
}

/// A loaded model and the requests it answers.
pub struct Service {
    function: Function,
    routes: Routes,
    /// What `GET /openapi.json` answers.
    openapi: Bytes,
}

/// What a host needs to know of a service.
pub struct Description {
    /// What `GET /info` answers.
    pub info: String,
    /// The model's own task.
    pub task: Task,
    /// Method, path and task of each endpoint.
    pub endpoints: Vec<(&'static str, &'static str, Task)>,
    /// Which requests with a list of texts can be answered in parts.
    pub splits: Vec<Split>,
    /// Which requests are answered while they are read.
    pub sessions: Vec<&'static SessionRoute>,
    /// A request that every version has to answer before it serves: its path and body.
    pub sample: (String, Value),
    /// How two builds of the model are compared, by requests to the same path.
    pub agreement: tasks::Agreement,
}

impl Endpoint {
    /// Whether the request has a body that is read.
    pub fn has_body(&self) -> bool {
        matches!(self.wanted, Wanted::Answer(route) if route.method == "POST")
    }

    /// The path of its route; `*` of `OPTIONS`.
    pub fn path(&self) -> &'static str {
        match self.wanted {
            Wanted::Answer(route) => route.path,
            Wanted::Options(_) => "*",
        }
    }

    /// The methods that the path takes, of a request that asks for them.
    pub fn allow(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::Answer(_) => None,
            Wanted::Options(allow) => Some(allow),
        }
    }
}

impl Service {
    /// Loads the model in `folder`, computed where `placement` says, and has it answer its sample.
    ///
    /// # Errors
    /// [`LoadError`] naming the file and the reason.
    pub fn load(folder: &ModelFolder, placement: Placement) -> Result<Self, LoadError> {
        Function::load(folder, placement).map(Self::new)
    }

    /// The service of a function.
    pub fn new(function: Function) -> Self {
        let routes = Routes::new(routes(), &function);
        let answered = routes.iter().filter(|route| route.requires.is_met(&function));
        let openapi = leaked(openapi(answered, &function));
        Self { function, routes, openapi }
    }

    /// What a host needs to know.
    pub fn description(&self) -> Description {
        let (own, model) = (self.function.task(), self.function.model());
        let endpoint =
            |route: &Route| (route.method, route.path, route.requires.task(&self.function));
        Description {
            info: String::from_utf8_lossy(self.function.info()).into_owned(),
            task: own,
            endpoints: self.routes.iter().map(endpoint).collect(),
            splits: self.splits(),
            sessions: self.sessions(),
            sample: (format!("{TASKS}{own}"), tasks::sample(own, model)),
            agreement: tasks::agreement(own, model),
        }
    }

    /// Those of paths that are answered.
    fn splits(&self) -> Vec<Split> {
        if self.function.model().text().is_none() {
            return Vec::new();
        }
        let answered = |path: &str| {
            let (routes, _) = self.routes.at(path);
            routes.iter().any(|route| route.requires.is_met(&self.function))
        };
        splits(&self.function).into_iter().filter(|split| answered(split.path)).collect()
    }

    /// Those of paths that are answered.
    fn sessions(&self) -> Vec<&'static SessionRoute> {
        let is_there =
            |session: &&SessionRoute| self.routes.iter().any(|route| route.path == session.path);
        sessions().filter(is_there).collect()
    }

    /// The model.
    pub fn model(&self) -> &Model {
        self.function.model()
    }

    /// The limits of the model's manifest.
    pub fn limits(&self) -> Limits {
        self.function.limits()
    }

    /// Finds the endpoint a request is for.
    ///
    /// # Errors
    /// [`ApiError`] with status 400, 404, 405 or 415.
    pub fn route(&self, head: Head<'_>) -> Result<Endpoint, ApiError> {
        // Once more for hosts that hand paths on as they were sent.
        let path = normalize_path(head.path).map_err(|bad| ApiError::Malformed(bad.to_string()))?;
        if head.method == "OPTIONS" && path == "*" {
            return Ok(options("GET, HEAD, POST".to_owned()));
        }
        let (routes, parameters) = self.routes.at(without_trailing_slash(&path));
        if routes.is_empty() {
            return Err(ApiError::NotFound(head.path.to_owned()));
        }
        if head.method == "OPTIONS" {
            return Ok(options(allow(&routes)));
        }
        let method = if head.method == "HEAD" { "GET" } else { head.method };
        let route = routes.iter().find(|route| route.method == method).ok_or_else(|| {
            let (method, allow) = (head.method.to_owned(), allow(&routes));
            ApiError::MethodNotAllowed { method, allow }
        })?;
        check_media_type(route, head.content_type)?;
        let json_length = head.json_length.map(|length| {
            let bad = || ApiError::Malformed(format!("{length:?} is not a length of JSON"));
            length.trim().parse().map_err(|_| bad())
        });
        let json_length = json_length.transpose()?;
        let target = Target {
            parameters,
            json_length,
            user_agent: head.user_agent.map(str::to_owned),
            content_type: head.content_type.map(str::to_owned),
            accept: head.accept.map(str::to_owned),
            query: head.query.unwrap_or_default().to_owned(),
        };
        Ok(Endpoint { wanted: Wanted::Answer(route), target })
    }

    /// Begins to answer a request whose answer is written while its body is read; `None` for all
    /// others, whose bodies are read first.
    ///
    /// # Errors
    /// [`ApiError`] about the head of the request.
    pub fn open(&self, endpoint: &Endpoint) -> Option<Result<Opened<'_>, ApiError>> {
        let Wanted::Answer(route) = endpoint.wanted else { return None };
        if route.method != "POST" {
            return None;
        }
        let session = sessions().find(|session| session.path == route.path)?;
        Some((session.open)(&self.function, &endpoint.target))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`ApiError`] when the body is not a valid request.
    pub fn answer(
        &self,
        endpoint: &Endpoint,
        body: &[u8],
        usage: &mut Usage,
    ) -> Result<Answer, ApiError> {
        let Wanted::Answer(route) = endpoint.wanted else {
            return Ok(Answer::written(Bytes::new()));
        };
        let (function, target, openapi) = (&self.function, &endpoint.target, &self.openapi);
        (route.answer)(&mut Call { function, target, openapi, body, usage })
    }
}

fn options(allow: String) -> Endpoint {
    Endpoint { wanted: Wanted::Options(allow), target: Target::default() }
}

/// The methods of routes at one path.
fn allow(routes: &[&Route]) -> String {
    let methods = routes.iter().map(|route| match route.method {
        "GET" => "GET, HEAD",
        method => method,
    });
    methods.collect::<Vec<_>>().join(", ")
}

fn check_media_type(route: &Route, content_type: Option<&str>) -> Result<(), ApiError> {
    let Some(content_type) = content_type.filter(|_| !route.reads.is_empty()) else {
        return Ok(());
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match route.reads.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        true => Ok(()),
        false => Err(ApiError::UnsupportedMediaType {
            content_type: content_type.to_owned(),
            known: route.reads.join(" or "),
        }),
    }
}

/// Status and body of an error, in the dialect of the path or of the body.
pub fn refuse(path: &str, error: &ApiError) -> (u16, Vec<u8>) {
    let path = normalize_path(path).unwrap_or_default();
    let message = error.to_string();
    let dialect = error.dialect().unwrap_or_else(|| Dialect::of_path(&path));
    dialect.refuse(Refusal {
        status: error.status(),
        error_type: error.error_type(),
        message: &message,
        key: error.key(),
    })
}
