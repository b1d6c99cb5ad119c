//! Conditions of a route, ready to be held against requests.

use http::header::{HeaderName, HeaderValue};
use pilotlight_wire::{decode_unreserved, normalize_path, without_trailing_slash};
use serde_json::Value;

use crate::error::RouteErrors;
use crate::fields::{Body, Found, Wanted};
use crate::network::Network;
use crate::request::Request;
use crate::route::Match;

/// Stands for any value.
const ANY: &str = "*";

/// The conditions of one route. A value that is `None` is any value.
#[derive(Default)]
pub(crate) struct Matcher {
    path: Option<Path>,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    query: Vec<(String, Option<String>)>,
    json: Vec<(usize, Option<Value>)>,
    client: Vec<Network>,
}

enum Path {
    Is(String),
    /// With a trailing slash or without it.
    IsWithoutSlash(String),
    Begins(String),
}

impl Matcher {
    /// Reads conditions. Those that no request could fulfil are errors.
    pub(crate) fn new(matches: &Match, wanted: &mut Wanted, errors: &mut RouteErrors) -> Self {
        let mut matcher = Self::default();
        if let Some(path) = &matches.path {
            matcher.path = errors.take(["match".into(), "path".into()], Path::new(path));
        }
        matcher.headers = headers(matches, errors);
        for (name, value) in &matches.query {
            if name.is_empty() {
                errors.add(
                    ["match".into(), "query".into(), "".into()],
                    "the name of a query parameter must not be empty",
                );
            }
            matcher.query.push((name.clone(), (value != ANY).then(|| value.clone())));
        }
        matcher.json = fields(matches, wanted, errors);
        for (index, text) in matches.client.iter().enumerate() {
            let at = ["match".into(), "client".into(), index.into()];
            matcher.client.extend(errors.take(at, text.parse::<Network>()));
        }
        matcher
    }

    /// The same for paths where a trailing slash makes no difference.
    pub(crate) fn ignore_trailing_slash(&mut self) {
        if let Some(Path::Is(path)) = &self.path {
            self.path = Some(Path::IsWithoutSlash(without_trailing_slash(path).to_owned()));
        }
    }

    /// Whether all conditions hold.
    pub(crate) fn holds(&self, request: &Request<'_>, body: &Body<'_>) -> bool {
        let field = |(slot, value): &(usize, Option<Value>)| {
            body.field(*slot).is_some_and(|found| value.as_ref().is_none_or(|v| is(v, found)))
        };
        self.holds_before_body(request) && self.json.iter().all(field)
    }

    /// Whether all conditions hold that say nothing of the body.
    pub(crate) fn holds_before_body(&self, request: &Request<'_>) -> bool {
        let header = |(name, value): &(HeaderName, Option<HeaderValue>)| {
            let mut found = request.headers.get_all(name).iter();
            found.any(|found| value.as_ref().is_none_or(|value| value == found))
        };
        let parameter = |(name, value): &(String, Option<String>)| {
            let mut found = request.parameters(name);
            found.any(|found| value.as_ref().is_none_or(|value| **value == *found))
        };
        let inside = |client| self.client.iter().any(|network| network.contains(client));
        self.path.as_ref().is_none_or(|path| path.is(request.path))
            && (self.client.is_empty() || request.client.is_some_and(inside))
            && self.headers.iter().all(header)
            && self.query.iter().all(parameter)
    }

    /// Whether a condition is about the body.
    pub(crate) fn reads_body(&self) -> bool {
        !self.json.is_empty()
    }
}

impl Path {
    fn new(text: &str) -> Result<Self, String> {
        let (path, begins) = text.strip_suffix('*').map_or((text, false), |path| (path, true));
        if !path.starts_with('/') {
            return Err(format!("{text:?}: a path must begin with `/`"));
        }
        if path.contains(['*', '?', '#']) {
            return Err(format!(
                "{text:?}: `*` is only allowed at the end of a path; query parameters belong in \
                 `match.query`"
            ));
        }
        // Requests come with normal paths, so that another path would never match.
        let written = |bad| format!("{text:?}: {bad}");
        if !begins {
            return normalize_path(path).map(|path| Self::Is(path.into_owned())).map_err(written);
        }
        let start = decode_unreserved(path).map_err(written)?.into_owned();
        let has_odd_segment =
            start.rsplit('/').skip(1).any(|segment| matches!(segment, "." | ".."));
        if start.contains("//") || has_odd_segment {
            return Err(format!(
                "{text:?}: no request matches, because empty segments, `.` and `..` are removed \
                 from request paths"
            ));
        }
        Ok(Self::Begins(start))
    }

    fn is(&self, path: &str) -> bool {
        match self {
            Self::Is(all) => path == all,
            Self::IsWithoutSlash(all) => without_trailing_slash(path) == all,
            Self::Begins(start) => path.starts_with(start.as_str()),
        }
    }
}

fn headers(matches: &Match, errors: &mut RouteErrors) -> Vec<(HeaderName, Option<HeaderValue>)> {
    let mut headers: Vec<(HeaderName, Option<HeaderValue>)> = Vec::new();
    for (name, value) in &matches.header {
        let mut wrong = |message: String| {
            errors.add(["match".into(), "header".into(), name.as_str().into()], message);
        };
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            wrong(format!("{name:?} is not a header name"));
            continue;
        };
        if headers.iter().any(|(other, _)| *other == header) {
            wrong(format!("the header {header} is given twice; header names are case-insensitive"));
        }
        match HeaderValue::from_bytes(value.as_bytes()) {
            _ if value == ANY => headers.push((header, None)),
            Ok(known) if value.trim_ascii() == value => headers.push((header, Some(known))),
            _ => wrong(format!("{value:?} is not a valid header value")),
        }
    }
    headers
}

fn fields(
    matches: &Match,
    wanted: &mut Wanted,
    errors: &mut RouteErrors,
) -> Vec<(usize, Option<Value>)> {
    let mut fields = Vec::new();
    for (pointer, value) in &matches.json {
        let at = || ["match".into(), "json".into(), pointer.as_str().into()];
        let slot = errors.take(at(), wanted.slot(pointer));
        if value.is_object() || value.is_array() {
            errors.add(at(), "must be a string, a number, a boolean or null");
        }
        fields.extend(slot.map(|slot| (slot, (value != ANY).then(|| value.clone()))));
    }
    fields
}

fn is(value: &Value, found: &Found) -> bool {
    match (value, found) {
        (Value::Number(one), Found::Scalar(Value::Number(two))) => {
            let real = one.is_f64() || two.is_f64();
            one == two || real && one.as_f64() == two.as_f64()
        }
        (value, Found::Scalar(found)) => value == found,
        (_, Found::Container) => false,
    }
}
