//! Measures how closely two functions agree on the texts of a corpus.
//! Used by the program's `build`, which selects the precision, and by `snapshot`. Does not know how components are built.

mod tally;
mod values;

use std::convert::Infallible;
use std::fmt::Display;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tower::{Service, ServiceExt as _};

use crate::agreement::{AccuracyCheck, Agreement};
use crate::error::{Error, Result};
use tally::Tally;
pub(crate) use values::Values;

/// What stands for a text in a request.
const TEXT: &str = "{text}";

/// Compares the answers of two functions to `texts`, the reference's first.
///
/// # Errors
/// [`Error::Refused`] when one of them does not answer, or what is to be compared is not in the
/// answers, or not alike in both.
pub async fn agreement<S, B>(
    check: &AccuracyCheck,
    [reference, other]: [&S; 2],
    texts: &[String],
) -> Result<Agreement>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
    B::Error: Display,
{
    let refuse = |reason: String| Error::Refused(format!("comparing answers: {reason}"));
    let values = Values::parse(&check.values).map_err(refuse)?;
    let once = [String::new()];
    // Without a place for a text, all requests are the same.
    let texts = if mentions_text(&check.request) { texts } else { &once };
    let mut tally = Tally::new(check.measure);
    for text in texts {
        let request = with_text(&check.request, text);
        let expected = ask(reference, &check.path, &request).await.map_err(refuse)?;
        let found = ask(other, &check.path, &request).await.map_err(refuse)?;
        let selected = values.select(&expected).and_then(|one| Ok((one, values.select(&found)?)));
        let (one, two) = selected.map_err(refuse)?;
        tally.add(&one, &two).map_err(refuse)?;
    }
    Ok(tally.agreement())
}

/// Passes over the texts of [`latency`]; the fastest counts.
const PASSES: u32 = 3;

/// Mean latency of `function` for one of `texts`, one after the other, in the fastest of three
/// passes.
///
/// # Errors
/// [`Error::Refused`] when it does not answer, or there are no texts.
pub async fn latency<S, B>(
    check: &AccuracyCheck,
    function: &S,
    texts: &[String],
) -> Result<Duration>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
    B::Error: Display,
{
    let refuse = |reason: String| Error::Refused(format!("measuring answers: {reason}"));
    let requests: Vec<Value> = texts.iter().map(|text| with_text(&check.request, text)).collect();
    let mut fastest = None;
    for _ in 0..PASSES {
        let start = Instant::now();
        for request in &requests {
            ask(function, &check.path, request).await.map_err(refuse)?;
        }
        let pass = start.elapsed();
        fastest = Some(fastest.map_or(pass, |fastest: Duration| fastest.min(pass)));
    }
    let each = fastest.and_then(|pass| pass.checked_div(u32::try_from(requests.len()).ok()?));
    each.ok_or_else(|| refuse("the corpus contains no texts".to_owned()))
}

fn mentions_text(request: &Value) -> bool {
    match request {
        Value::String(string) => string.contains(TEXT),
        Value::Array(values) => values.iter().any(mentions_text),
        Value::Object(fields) => fields.values().any(mentions_text),
        _ => false,
    }
}

fn with_text(request: &Value, text: &str) -> Value {
    match request {
        Value::String(string) => string.replace(TEXT, text).into(),
        Value::Array(values) => values.iter().map(|value| with_text(value, text)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields.map(|(name, value)| (name.clone(), with_text(value, text))).collect()
        }
        other => other.clone(),
    }
}

async fn ask<S, B>(function: &S, path: &str, request: &Value) -> std::result::Result<Value, String>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
    B::Error: Display,
{
    let request = Request::post(format!("http://pilotlight{path}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(request.to_string())))
        .map_err(|error| error.to_string())?;
    let Ok(response) = function.clone().oneshot(request).await;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    let body = body.to_bytes();
    if !status.is_success() {
        return Err(format!(
            "the answer of POST {path} has status {status}: {}",
            String::from_utf8_lossy(&body)
        ));
    }
    serde_json::from_slice(&body)
        .map_err(|error| format!("the answer of POST {path} is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tower::service_fn;

    use super::*;
    use crate::agreement::Measure;

    /// A function that answers each text with `answer`, and refuses other requests.
    fn function(
        answer: fn(&str) -> Value,
    ) -> impl Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = Infallible> + Clone
    {
        service_fn(move |request: Request<Full<Bytes>>| async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let request: Value = serde_json::from_slice(&body).unwrap();
            let answer = request["texts"][0].as_str().map(answer);
            let status = if answer.is_some() { 200 } else { 422 };
            let body = answer.unwrap_or_default().to_string();
            Ok::<_, Infallible>(Response::builder().status(status).body(body.into()).unwrap())
        })
    }

    async fn compared(request: Value, answers: [fn(&str) -> Value; 2]) -> Result<Agreement> {
        let check = AccuracyCheck {
            path: "/".into(),
            request,
            values: "/*/label".into(),
            measure: Measure::Equal,
            threshold: 0.9,
        };
        let functions = answers.map(function);
        let texts = ["one".to_owned(), "two".to_owned()];
        agreement(&check, functions.each_ref(), &texts).await
    }

    #[tokio::test]
    async fn each_text_stands_where_the_request_has_room_for_it() {
        let labels: fn(&str) -> Value = |text| json!([{ "label": text }, { "label": "same" }]);
        let other: fn(&str) -> Value = |text| {
            let label = if text == "<one>" { "another" } else { text };
            json!([{ "label": label }, { "label": "same" }])
        };
        let found = compared(json!({ "texts": ["<{text}>"] }), [labels, other]).await.unwrap();
        assert_eq!((found.texts, found.values, found.share), (2, 4, 0.75));
        // Where there is no room, one request says it all.
        let found = compared(json!({ "texts": ["<one>"] }), [labels, other]).await.unwrap();
        assert_eq!((found.texts, found.values, found.share), (1, 2, 0.5));
    }

    #[tokio::test]
    async fn answers_that_cannot_be_compared_are_refused_with_the_reason() {
        let labels: fn(&str) -> Value = |_| json!([{ "label": "a" }]);
        let request = json!({ "texts": ["{text}"] });
        type Case = (Value, fn(&str) -> Value, &'static str);
        let cases: [Case; 4] = [
            (request.clone(), |_| json!([]), "1 values beside 0"),
            (request.clone(), |_| json!([{ "score": 1 }]), "the answer has no \"/0/label\""),
            (request, |_| json!("a"), "the answer has no \"/*\""),
            (json!({ "inputs": "{text}" }), labels, "the answer of POST / has status 422"),
        ];
        for (request, other, reason) in cases {
            let refused = compared(request, [labels, other]).await.unwrap_err().to_string();
            assert!(refused.starts_with("comparing answers: "), "{refused}");
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
