//! Answers of another version, compared and dropped; nobody waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use pilotlight_router::{Comparison, compare};
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};
use wasmtime_wasi_http::WasiBody;

use super::MOST_BODY;
use crate::body::Body;
use crate::telemetry::Exchange;
use crate::version::Version;

/// Shadows that are asked at once: they must not take what answers need.
const AT_ONCE: usize = 16;

/// The shadow of a route. Clones count together.
#[derive(Clone)]
pub(super) struct Shadows(Arc<Inner>);

struct Inner {
    permits: Arc<Semaphore>,
    same: AtomicU64,
    different: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
}

/// How the answers of a shadow compare with those that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShadowStatus {
    /// They say the same.
    pub same: u64,
    /// They do not: another status, structure or label, or scores further apart than tolerated.
    pub different: u64,
    /// The shadow gave no whole answer.
    pub failed: u64,
    /// It was not asked: too many were, the body was too long or of unknown length, or there is no
    /// such version.
    pub skipped: u64,
}

impl Default for Shadows {
    fn default() -> Self {
        let [same, different, failed, skipped] = [const { AtomicU64::new(0) }; 4];
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        Self(Arc::new(Inner { permits, same, different, failed, skipped }))
    }
}

impl Shadows {
    /// The request is not mirrored.
    pub(super) fn skip(&self) {
        self.0.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks `other`, too, once `answer` has been given; returns `answer`.
    pub(super) fn mirror(
        &self,
        request: Request<WasiBody>,
        answer: Response<Body>,
        other: Arc<Version>,
        tolerance: f64,
    ) -> Response<Body> {
        let Ok(permit) = Arc::clone(&self.0.permits).try_acquire_owned() else {
            self.skip();
            return answer;
        };
        let (tell, given) = oneshot::channel();
        let status = answer.status();
        let length = content_length(answer.headers());
        let answer = answer.map(|body| body.copied_to(tell, MOST_BODY, length));
        let counts = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let mut exchange = Exchange::aside(request.headers());
            let found = other.answer(request, &mut exchange).await;
            let same_status = found.status() == status;
            let found = Limited::new(found.into_body(), MOST_BODY).collect().await;
            // Nothing is given if the client went away.
            let Ok(given) = given.await else { return counts.skip() };
            let count = match found {
                Err(_) => &counts.0.failed,
                Ok(found) => match same_status && same(&given, &found.to_bytes(), tolerance) {
                    true => &counts.0.same,
                    false => &counts.0.different,
                },
            };
            count.fetch_add(1, Ordering::Relaxed);
        });
        answer
    }

    pub(super) fn status(&self) -> ShadowStatus {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ShadowStatus {
            same: get(&self.0.same),
            different: get(&self.0.different),
            failed: get(&self.0.failed),
            skipped: get(&self.0.skipped),
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn same(given: &Bytes, found: &Bytes, tolerance: f64) -> bool {
    compare(given, found, tolerance) == Comparison::Same
}
