//! What a guest says of the function that it has become.

use pilotlight_wire::split::Split;
use serde_json::Value;

use super::wit::{
    GuestAgreement, GuestDescription, GuestEndpoint, GuestMeasure, GuestSample, GuestSession,
    GuestSplit,
};
use crate::accuracy::Values;
use crate::agreement::{AccuracyCheck, Measure};
use crate::manifest::{Endpoint, Session};

/// Milliseconds of a session that can be computed at once.
const PERIODS: std::ops::RangeInclusive<u32> = 1..=60_000;

/// A description that has been checked.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) info: Value,
    pub(super) task: String,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) splits: Vec<Split>,
    pub(super) sessions: Vec<Session>,
    /// The path and the request of the sample.
    pub(super) sample: (String, Value),
    pub(super) accuracy_check: AccuracyCheck,
}

impl TryFrom<GuestDescription> for Description {
    /// What the guest must not say.
    type Error = String;

    fn try_from(told: GuestDescription) -> Result<Self, String> {
        let GuestDescription { info, task, endpoints, splits, sessions, sample, agreement } = told;
        if !is_word(&task) {
            return Err(format!("task {task:?} is not in lower-case letters, digits and `-`"));
        }
        if endpoints.is_empty() {
            return Err("the function has no endpoint".to_owned());
        }
        let endpoints = endpoints.into_iter().map(endpoint).collect::<Result<Vec<_>, _>>()?;
        let splits = splits.into_iter().map(|told| split(told, &endpoints));
        let splits = splits.collect::<Result<_, _>>()?;
        let sessions = sessions.into_iter().map(|told| session(told, &endpoints));
        let sessions = sessions.collect::<Result<_, _>>()?;
        let GuestSample { path, request } = sample;
        let sample = (posted("the sample", path, &endpoints)?, json("the sample", &request)?);
        let accuracy_check = accuracy_check(agreement, &endpoints)?;
        let info = json("info", &info)?;
        Ok(Self { info, task, endpoints, splits, sessions, sample, accuracy_check })
    }
}

fn endpoint(told: GuestEndpoint) -> Result<Endpoint, String> {
    let GuestEndpoint { method, path, task } = told;
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_method || !is_path(&path) || !(task.is_empty() || is_word(&task)) {
        return Err(format!("{method:?} {path:?} of task {task:?} is not an endpoint"));
    }
    Ok(Endpoint { method, path, task })
}

fn split(told: GuestSplit, endpoints: &[Endpoint]) -> Result<Split, String> {
    let GuestSplit { path, texts, answers, index, sorted_by, limits, sums } = told;
    let path = posted("a request that can be split", path, endpoints)?;
    if texts.is_empty() {
        return Err(format!("requests to {path} are split, but have no texts"));
    }
    Ok(Split { path, texts, answers, index, sorted_by, limits, sums })
}

fn session(told: GuestSession, endpoints: &[Endpoint]) -> Result<Session, String> {
    let GuestSession { path, period_ms, sockets } = told;
    let path = posted("a session", path, endpoints)?;
    if !PERIODS.contains(&period_ms) {
        let (shortest, longest) = (PERIODS.start(), PERIODS.end());
        return Err(format!(
            "the period of sessions at {path} is {period_ms} ms, not {shortest} to {longest}"
        ));
    }
    if let Some(socket) = sockets.iter().find(|socket| !is_path(socket)) {
        return Err(format!("{socket:?} is not a path for WebSockets"));
    }
    Ok(Session { path, period_ms, sockets })
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn accuracy_check(told: GuestAgreement, endpoints: &[Endpoint]) -> Result<AccuracyCheck, String> {
    const WHAT: &str = "the accuracy check";
    let GuestAgreement { path, request, values, measure, threshold } = told;
    Values::parse(&values)?;
    if !(0.0..=1.0).contains(&threshold) {
        return Err(format!("the threshold {threshold} of {WHAT} is not between 0 and 1"));
    }
    Ok(AccuracyCheck {
        path: posted(WHAT, path, endpoints)?,
        request: json(WHAT, &request)?,
        values,
        measure: match measure {
            GuestMeasure::Equal => Measure::Equal,
            GuestMeasure::Cosine => Measure::Cosine,
            GuestMeasure::Order => Measure::Order,
            GuestMeasure::Difference => Measure::Difference,
        },
        threshold,
    })
}

/// A path that the function answers `POST` at.
fn posted(what: &str, path: String, endpoints: &[Endpoint]) -> Result<String, String> {
    let found = endpoints.iter().any(|endpoint| endpoint.method == "POST" && endpoint.path == path);
    if found {
        Ok(path)
    } else {
        Err(format!("{what} is for POST {path}, which is not an endpoint"))
    }
}

fn json(what: &str, text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{what} is not JSON: {error}"))
}

/// Names of tasks are labels of metrics.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> GuestDescription {
        let endpoint = |method: &str, path: &str, task: &str| GuestEndpoint {
            method: method.into(),
            path: path.into(),
            task: task.into(),
        };
        GuestDescription {
            info: r#"{"model": "m"}"#.into(),
            task: "reranking".into(),
            endpoints: vec![endpoint("POST", "/", "reranking"), endpoint("GET", "/info", "")],
            splits: vec![GuestSplit {
                path: "/".into(),
                texts: "inputs.texts".into(),
                answers: String::new(),
                index: Some("index".into()),
                sorted_by: Some("score".into()),
                limits: vec!["parameters.top_k".into()],
                sums: vec![],
            }],
            sessions: vec![GuestSession {
                path: "/".into(),
                period_ms: 32,
                sockets: vec!["/socket".into()],
            }],
            sample: GuestSample { path: "/".into(), request: r#"{"inputs": "a"}"#.into() },
            agreement: GuestAgreement {
                path: "/".into(),
                request: r#"{"inputs": "{text}"}"#.into(),
                values: "/*/score".into(),
                measure: GuestMeasure::Order,
                threshold: 0.99,
            },
        }
    }

    #[test]
    fn what_fits_is_taken() {
        let description = Description::try_from(told()).unwrap();
        assert_eq!(description.info["model"], "m");
        assert_eq!(description.endpoints.len(), 2);
        assert_eq!(description.splits[0].texts, "inputs.texts");
        assert_eq!(description.sessions[0].period_ms, 32);
        assert_eq!(description.sample.1["inputs"], "a");
        assert_eq!(description.accuracy_check.measure, Measure::Order);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        type Spoil = fn(&mut GuestDescription);
        let cases: [(Spoil, &str); 17] = [
            (|told| told.info = "{".into(), "info is not JSON"),
            (|told| told.task = "A task".into(), "task \"A task\" is not in lower-case"),
            (|told| told.task = String::new(), "task \"\""),
            (|told| told.endpoints.clear(), "no endpoint"),
            (|told| told.endpoints[0].path = "v1".into(), "\"POST\" \"v1\" of task"),
            (|told| told.endpoints[0].method = "post".into(), "is not an endpoint"),
            (|told| told.splits[0].path = "/info".into(), "can be split is for POST /info"),
            (|told| told.splits[0].texts.clear(), "requests to / are split, but have no texts"),
            (|told| told.sessions[0].path = "/info".into(), "a session is for POST /info"),
            (|told| told.sessions[0].period_ms = 0, "is 0 ms, not 1 to 60000"),
            (|told| told.sessions[0].sockets[0].clear(), "\"\" is not a path for WebSockets"),
            (|told| told.sample.path = "/x".into(), "the sample is for POST /x, which is no"),
            (|told| told.sample.path = "/info".into(), "the sample is for POST /info"),
            (|told| told.sample.request = "a".into(), "the sample is not JSON"),
            (|told| told.agreement.path = "/x".into(), "the accuracy check is for POST /x"),
            (|told| told.agreement.values = "score".into(), "\"score\" is not a path"),
            (|told| told.agreement.threshold = f64::NAN, "the threshold NaN"),
        ];
        for (spoil, reason) in cases {
            let mut told = told();
            spoil(&mut told);
            let refused = Description::try_from(told).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
