//! How often two ways to compute a model give a token the same label.

use std::convert::Infallible;
use std::fmt::Display;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use serde::Deserialize;
use tower::{Service, ServiceExt as _};

use crate::error::{Error, Result};
use crate::manifest::Agreement;

/// An entity of a token classification, one for each token.
#[derive(Deserialize)]
struct Token {
    entity: String,
    index: usize,
    score: f32,
}

fn add(
    agreement: &mut Agreement,
    reference: &[Token],
    other: &[Token],
) -> std::result::Result<(), String> {
    if reference.len() != other.len() {
        return Err(format!("{} tokens beside {}", reference.len(), other.len()));
    }
    agreement.texts += 1;
    for (one, two) in reference.iter().zip(other) {
        agreement.tokens += 1;
        if one.entity == two.entity && one.index == two.index {
            agreement.equal += 1;
            let difference = (one.score - two.score).abs();
            agreement.largest_difference = agreement.largest_difference.max(difference);
        }
    }
    Ok(())
}

/// Compares the labels that two functions give to the tokens of `texts`.
///
/// # Errors
/// [`Error::Refused`] when one of them does not answer like a token classification.
pub async fn agreement<S, B>(reference: &S, other: &S, texts: &[String]) -> Result<Agreement>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
    B::Error: Display,
{
    let mut agreement = Agreement::default();
    for text in texts {
        let labels = (label(reference, text).await, label(other, text).await);
        let compared = match labels {
            (Ok(reference), Ok(other)) => add(&mut agreement, &reference, &other),
            (Err(reason), _) | (_, Err(reason)) => Err(reason),
        };
        compared.map_err(|reason| Error::Refused(format!("comparing labels: {reason}")))?;
    }
    Ok(agreement)
}

async fn label<S, B>(function: &S, text: &str) -> std::result::Result<Vec<Token>, String>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
    B::Error: Display,
{
    let parameters = serde_json::json!({"aggregation_strategy": "none", "ignore_labels": []});
    let body = serde_json::json!({"inputs": text, "parameters": parameters}).to_string();
    let request = Request::post("http://pilotlight/")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let Ok(response) = function.clone().oneshot(request).await;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    let body = body.to_bytes();
    if !status.is_success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
