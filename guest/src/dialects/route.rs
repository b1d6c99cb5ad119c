//! What a dialect's file lists: methods, paths, and the function that answers each.

use std::borrow::Cow;

use bytes::Bytes;
use pilotlight_model::Task;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::read;
use crate::api::{ApiError, parse};
use crate::function::Function;
use crate::json;
use crate::model::{TextModel, Usage};

/// A method at a path.
#[derive(Debug)]
pub struct Route {
    /// `GET` or `POST`. `HEAD` goes wherever `GET` does; the host leaves the content out.
    pub method: &'static str,
    /// The path; `{name}` stands for one segment, and `{name...}` at its end for the rest.
    pub path: &'static str,
    /// Which models have it.
    pub requires: Requires,
    /// Media types of bodies; none is JSON, too.
    pub reads: &'static [&'static str],
    /// Answers a request.
    pub answer: Handler,
}

/// The function that answers the requests of a route.
pub(super) type Handler = fn(&mut Call<'_>) -> Result<Answer, ApiError>;

impl Route {
    /// `GET`, without a body.
    pub(super) const fn get(path: &'static str, requires: Requires, answer: Handler) -> Self {
        Self { method: "GET", path, requires, reads: NOTHING, answer }
    }

    /// `POST` of JSON.
    pub(super) const fn post(path: &'static str, requires: Requires, answer: Handler) -> Self {
        Self { method: "POST", path, requires, reads: JSON, answer }
    }
}

/// Which models have a route.
#[derive(Debug, Clone, Copy)]
pub enum Requires {
    /// All of them.
    Nothing,
    /// Those with a tokenizer.
    Text,
    /// The same, but those that can do none of the tasks only refuse: a model of another kind is told apart
    /// from a path that is not there.
    TextFor(&'static [Task]),
    /// Those whose manifest does not say `playground = false`.
    Pages,
    /// Those that can do the task.
    Task(Task),
    /// Those that can do one of them.
    OneOf(&'static [Task]),
}

/// Bodies of most requests.
pub const JSON: &[&str] = &["application/json"];
/// There is no body.
pub const NOTHING: &[&str] = &[];

/// A request to be answered.
pub struct Call<'a> {
    /// The model and what it can do.
    pub function: &'a Function,
    /// What its path and its headers say.
    pub target: &'a Target,
    /// The function's OpenAPI document.
    pub openapi: &'a Bytes,
    /// Its body.
    pub body: &'a [u8],
    /// What it takes.
    pub usage: &'a mut Usage,
}

/// What the head of a request says, as far as answers depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Values of the path's `{name}`s, in order, decoded.
    pub parameters: Vec<String>,
    /// `inference-header-content-length`: bytes of JSON in front of binary tensors.
    pub json_length: Option<usize>,
    /// `user-agent`: some clients read other answers in later versions.
    pub user_agent: Option<String>,
    /// `content-type`.
    pub content_type: Option<String>,
    /// `accept`.
    pub accept: Option<String>,
    /// The query, as it was sent.
    pub query: String,
}

impl Target {
    /// Names and values of the query, decoded (`application/x-www-form-urlencoded`).
    pub fn query(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `content-type`.
    pub content_type: &'static str,
    /// Other headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// JSON.
    ///
    /// # Errors
    /// [`ApiError::Internal`]; none of our types provokes it.
    pub fn json(content: &impl Serialize) -> Result<Self, ApiError> {
        json::write(content).map(Self::written)
    }

    /// JSON that is written already.
    pub fn written(body: impl Into<Bytes>) -> Self {
        Self { content_type: "application/json", headers: Vec::new(), body: body.into() }
    }
}

impl<'a> Call<'a> {
    /// The model, on routes of models with a tokenizer.
    ///
    /// # Errors
    /// [`ApiError::Internal`] on others.
    pub fn text(&self) -> Result<&'a TextModel, ApiError> {
        text_of(self.function)
    }

    /// The body, which is JSON.
    ///
    /// # Errors
    /// See [`parse`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        parse(self.body)
    }

    /// The keys that `T` has of the body, a JSON object; others are ignored, and null is no value.
    ///
    /// # Errors
    /// See [`parse`]; an error names the key.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        read(&mut self.json()?)
    }

    /// The value of the path's first `{name}`.
    pub fn parameter(&self) -> &str {
        self.target.parameters.first().map_or("", String::as_str)
    }
}

/// The model of a function, on routes of models with a tokenizer.
///
/// # Errors
/// [`ApiError::Internal`] on others.
pub(super) fn text_of(function: &Function) -> Result<&TextModel, ApiError> {
    let no_tokenizer = || ApiError::Internal("the model has no tokenizer".to_owned());
    function.model().text().ok_or_else(no_tokenizer)
}

impl Requires {
    /// Whether a function has it.
    pub fn fits(self, function: &Function) -> bool {
        let able = |task: &Task| function.tasks().contains(task);
        match self {
            Self::Nothing => true,
            Self::Pages => function.has_pages(),
            Self::Text | Self::TextFor(_) => function.model().text().is_some(),
            Self::Task(task) => able(&task),
            Self::OneOf(tasks) => tasks.iter().any(able),
        }
    }

    /// Whether requests to a function are answered, and not refused whatever they are.
    pub fn is_met(self, function: &Function) -> bool {
        match self {
            Self::TextFor(tasks) => tasks.iter().any(|task| function.tasks().contains(task)),
            other => other.fits(function),
        }
    }

    /// The task that requests are counted as, if it is one of its own.
    pub fn task(self, function: &Function) -> Task {
        let own = function.task();
        match self {
            Self::Task(task) => task,
            Self::OneOf(tasks) if !tasks.contains(&own) => {
                tasks.iter().copied().find(|task| function.tasks().contains(task)).unwrap_or(own)
            }
            _ => own,
        }
    }
}

/// The routes of a function.
#[derive(Debug)]
pub struct Routes {
    /// Those whose path is fixed, by path.
    fixed: Vec<&'static Route>,
    /// Those with `{name}`s.
    with_parameters: Vec<&'static Route>,
}

impl Routes {
    /// Those of `all` that `function` has.
    pub fn new(all: impl Iterator<Item = &'static Route>, function: &Function) -> Self {
        let of_function = all.filter(|route| route.requires.fits(function));
        let (with_parameters, mut fixed): (Vec<_>, Vec<_>) =
            of_function.partition(|route| route.path.contains('{'));
        fixed.sort_by_key(|route| route.path);
        Self { fixed, with_parameters }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'static Route> {
        self.fixed.iter().chain(&self.with_parameters).copied()
    }

    /// The routes at a path, for one method each, and the values of its `{name}`s.
    pub fn at(&self, path: &str) -> (Vec<&'static Route>, Vec<String>) {
        let start = self.fixed.partition_point(|route| route.path < path);
        let fixed: Vec<_> =
            self.fixed[start..].iter().take_while(|route| route.path == path).copied().collect();
        if !fixed.is_empty() {
            return (fixed, Vec::new());
        }
        let matching = |route: &&'static Route| Some((*route, parameters(route.path, path)?));
        let mut found = self.with_parameters.iter().filter_map(matching);
        let Some((first, values)) = found.next() else { return (Vec::new(), Vec::new()) };
        let others = found.map(|(route, _)| route).filter(|route| route.path == first.path);
        (std::iter::once(first).chain(others).collect(), values)
    }
}

/// The values of a pattern's `{name}`s where a path matches it.
fn parameters(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = path.strip_prefix('/')?;
    let mut segments = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.ends_with("...}") {
            return (!rest.is_empty()).then(|| {
                values.push(decode(rest));
                values
            });
        }
        let last = segments.peek().is_none();
        let (found, after) = match rest.split_once('/') {
            Some((found, after)) if !last => (found, after),
            None if last => (rest, ""),
            _ => return None,
        };
        match segment.starts_with('{') {
            true if found.is_empty() => return None,
            true => values.push(decode(found)),
            false if found != segment => return None,
            false => {}
        }
        rest = after;
    }
    Some(values)
}

/// A part of a path without escapes.
fn decode(part: &str) -> String {
    let bytes: Cow<'_, [u8]> = percent_encoding::percent_decode_str(part).into();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_patterns_segment_by_segment() {
        let values = |pattern, path| parameters(pattern, path).map(|values| values.join(","));
        for (pattern, path, expected) in [
            ("/v2/models/{m}", "/v2/models/a", Some("a")),
            ("/v2/models/{m}", "/v2/models/a/b", None),
            ("/v2/models/{m}", "/v2/models/a%2Fb", Some("a/b")),
            ("/v2/models/{m}", "/v2/models/", None),
            ("/v2/models/{m}/infer", "/v2/models/a/infer", Some("a")),
            ("/v2/models/{m}/infer", "/v2/models/a", None),
            ("/v2/models/{m}/versions/{v}", "/v2/models/a/versions/1", Some("a,1")),
            ("/models/{id...}", "/models/org/name", Some("org/name")),
            ("/models/{id...}", "/models/", None),
            ("/models/{id...}", "/model/a", None),
        ] {
            assert_eq!(values(pattern, path).as_deref(), expected, "{pattern} {path}");
        }
    }
}
