//! The smoke test of a version: its sample is answered before it serves.

use bytes::Bytes;
use http::{Request, StatusCode};
use pilotlight_build::{Sample, SampleAnswer};
use pilotlight_router::{Comparison, compare};
use tokio::time::timeout;

use super::Version;
use crate::error::{Error, Result};
use crate::request::{CollectError, RequestContext, collect, whole};

/// Largest difference between numbers of the same sample on two machines, relative to those above
/// 1: fused multiplications round differently where the processor has none.
const TOLERANCE: f64 = 0.02;
/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 20;

impl Version {
    /// Waits until its pool is filled, and has the sample answered that it brings along.
    ///
    /// # Errors
    /// [`Error::SmokeTest`] saying what went wrong.
    pub(crate) async fn smoke_test(&self) -> Result<()> {
        let name = self.source.to_string();
        let refuse = |reason: String| Error::SmokeTest { name: name.clone(), reason };
        let filled = timeout(self.request_timeout, self.pool.fill()).await;
        let filled = filled
            .map_err(|_| refuse("smoke test: instances were not created in time".to_owned()))?;
        filled.map_err(|error| {
            refuse(format!("smoke test: no instance could be created: {error:#}"))
        })?;
        match &self.sample {
            Some(sample) => self.answers(sample).await.map_err(refuse),
            None => Ok(()),
        }
    }

    async fn answers(&self, sample: &Sample) -> std::result::Result<(), String> {
        let request = Request::post(format!("http://pilotlight{}", sample.path))
            .header("content-type", "application/json")
            .body(whole(Bytes::from(sample.request.to_string())))
            .map_err(|error| error.to_string())?;
        let (head, body) = request.into_parts();
        let context = RequestContext::uncounted(&head);
        let response = self.answer(Request::from_parts(head, body), &context).await;
        let status = response.status();
        let body = match collect(response.into_body(), LONGEST_ANSWER).await {
            Ok(body) => body,
            Err(CollectError::Broken(error)) => {
                return Err(format!("smoke test: the sample request failed: {error}"));
            }
            Err(CollectError::TooLong) => {
                return Err(format!(
                    "smoke test: the answer to the sample request exceeds {LONGEST_ANSWER} bytes"
                ));
            }
        };
        if status != StatusCode::OK {
            return Err(format!(
                "smoke test: the answer to the sample request has status {status}: {}",
                lossy(&body)
            ));
        }
        compare_answers(sample, &body).map_err(|reason| {
            format!(
                "smoke test: the answer to the sample request differs from the answer at build \
                 time: {reason}"
            )
        })
    }
}

/// Compares an answer with the sample's: long lists of numbers as vectors, everything else by
/// elements.
fn compare_answers(sample: &Sample, body: &[u8]) -> std::result::Result<(), String> {
    let answer = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
    let SampleAnswer { answer, vectors } = SampleAnswer::of(answer);
    let (expected, found) = (sample.answer.to_string(), answer.to_string());
    match compare(expected.as_bytes(), found.as_bytes(), TOLERANCE) {
        Comparison::Same => sample.compare_vectors(&vectors),
        Comparison::Different(difference) => Err(difference.to_string()),
    }
}

fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(200).collect()
}
