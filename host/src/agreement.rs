//! How often two ways to compute a model give a token the same label.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};
use tower::Service as _;

use crate::error::{Error, Result};
use crate::host::Host;

/// Labels of the same tokens, compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Texts that were labelled.
    pub texts: usize,
    /// Tokens in them.
    pub tokens: usize,
    /// Tokens with the same label.
    pub equal: usize,
    /// Largest difference between the probabilities of the same label.
    pub largest_difference: f32,
}

/// An entity of a token classification, one for each token.
#[derive(Deserialize)]
struct Token {
    entity: String,
    index: usize,
    score: f32,
}

impl Agreement {
    /// Share of equal labels, 0 to 1.
    pub fn share(&self) -> f64 {
        if self.tokens == 0 { 0.0 } else { self.equal as f64 / self.tokens as f64 }
    }

    fn add(&mut self, reference: &[Token], other: &[Token]) -> std::result::Result<(), String> {
        if reference.len() != other.len() {
            return Err(format!("{} tokens beside {}", reference.len(), other.len()));
        }
        self.texts += 1;
        for (one, two) in reference.iter().zip(other) {
            self.tokens += 1;
            if one.entity == two.entity && one.index == two.index {
                self.equal += 1;
                let difference = (one.score - two.score).abs();
                self.largest_difference = self.largest_difference.max(difference);
            }
        }
        Ok(())
    }
}

/// Compares the labels that two functions give to the tokens of `texts`.
///
/// # Errors
/// [`Error::Refused`] when one of them does not answer like a token classification.
pub async fn agreement(reference: &Host, other: &Host, texts: &[String]) -> Result<Agreement> {
    let mut agreement = Agreement::default();
    for text in texts {
        let labels = (label(reference, text).await, label(other, text).await);
        let compared = match labels {
            (Ok(reference), Ok(other)) => agreement.add(&reference, &other),
            (Err(reason), _) | (_, Err(reason)) => Err(reason),
        };
        compared.map_err(|reason| Error::Refused(format!("comparing labels: {reason}")))?;
    }
    Ok(agreement)
}

async fn label(host: &Host, text: &str) -> std::result::Result<Vec<Token>, String> {
    let parameters = serde_json::json!({"aggregation_strategy": "none", "ignore_labels": []});
    let body = serde_json::json!({"inputs": text, "parameters": parameters}).to_string();
    let request = Request::post("http://pilotlight/")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let Ok(response) = host.clone().call(request).await;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    let body = body.to_bytes();
    if !status.is_success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
