//! The smoke test of a version: its sample is answered before it serves.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use pilotlight_build::Sample;
use pilotlight_router::{Comparison, compare};
use tokio::time::timeout;

use super::Version;
use crate::error::{Error, Result};
use crate::request::RequestContext;

/// Largest difference between scores of the same sample on two machines: fused multiplications
/// round differently where the processor has none.
const TOLERANCE: f64 = 0.02;
/// A component knows what it answered when it was built; it is no chat.
const LONGEST_ANSWER: usize = 1 << 20;

impl Version {
    /// Waits until its pool is filled, and has the sample answered that it brings along.
    ///
    /// # Errors
    /// [`Error::SmokeTest`] saying what went wrong.
    pub(crate) async fn smoke_test(&self) -> Result<()> {
        let name = self.source.to_string();
        let refuse = |reason: String| Error::SmokeTest { name: name.clone(), reason };
        let filled = timeout(self.request_timeout, self.pool.fill()).await;
        let filled = filled.map_err(|_| refuse("instances are not made in time".to_owned()))?;
        filled.map_err(|error| refuse(format!("no instance can be made: {error:#}")))?;
        match &self.sample {
            Some(sample) => self.answers(sample).await.map_err(refuse),
            None => Ok(()),
        }
    }

    async fn answers(&self, sample: &Sample) -> std::result::Result<(), String> {
        let request = Request::post(format!("http://pilotlight{}", sample.path))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(sample.request.to_string())))
            .map_err(|error| error.to_string())?;
        let (head, body) = request.into_parts();
        let context = RequestContext::uncounted(&head);
        let body = body.map_err(|never| match never {}).boxed_unsync();
        let response = self.answer(Request::from_parts(head, body), &context).await;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), LONGEST_ANSWER);
        let body = body.collect().await.map_err(|error| format!("its sample: {error}"))?.to_bytes();
        if status != StatusCode::OK {
            return Err(format!("its sample is answered {status}: {}", lossy(&body)));
        }
        let expected = sample.answer.to_string();
        match compare(expected.as_bytes(), &body, TOLERANCE) {
            Comparison::Same => Ok(()),
            Comparison::Different(difference) => {
                Err(format!("its sample is not answered as when it was built: {difference}"))
            }
        }
    }
}

fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(200).collect()
}
