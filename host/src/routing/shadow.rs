//! Shadow traffic: responses of another version are compared and dropped; nobody waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use pilotlight_router::{Comparison, compare};
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};
use wasmtime_wasi_http::WasiBody;

use super::{MOST_BODY, collect_for_routes};
use crate::deploy::Version;
use crate::request::{Body, Refusal, RequestContext, collect, whole};

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

/// Comparisons of the answers of a shadow with those of the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShadowStatus {
    /// Equal answers.
    pub same: u64,
    /// Different answers: another status, structure or label, or numbers that differ by more than
    /// the tolerance.
    pub different: u64,
    /// The shadow gave no whole answer.
    pub failed: u64,
    /// Requests that the shadow did not get: too many shadow requests were in flight, the body was
    /// too long or of unknown length, or the version does not exist.
    pub skipped: u64,
}

impl Default for Shadows {
    fn default() -> Self {
        let [same, different, failed, skipped] = [const { AtomicU64::new(0) }; 4];
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        Self(Arc::new(Inner { permits, same, different, failed, skipped }))
    }
}

/// The shadow that a request was routed to.
#[derive(Clone)]
pub(crate) struct RoutedShadow {
    pub(super) counts: Shadows,
    /// None: there is no such version.
    pub(super) version: Option<Arc<Version>>,
    pub(super) tolerance: f64,
}

impl RoutedShadow {
    /// The request, and a copy of it if it can be sent twice.
    ///
    /// # Errors
    /// The response, where its body does not come.
    pub(crate) async fn copy(
        &self,
        request: Request<WasiBody>,
    ) -> std::result::Result<(Request<WasiBody>, Option<Request<WasiBody>>), Refusal> {
        let (head, body) = request.into_parts();
        // A body of unknown length may be longer than there is room for.
        if body.size_hint().upper().is_none_or(|length| length > MOST_BODY as u64) {
            self.counts.skip();
            return Ok((Request::from_parts(head, body), None));
        }
        let bytes = collect_for_routes(body).await?;
        let copy = copy(&head, bytes.clone());
        Ok((Request::from_parts(head, whole(bytes)), Some(copy)))
    }

    /// Sends `request` to the shadow, too, and compares the responses once `response` has been
    /// sent; returns it.
    pub(crate) fn mirror(
        &self,
        request: Request<WasiBody>,
        response: Response<Body>,
    ) -> Response<Body> {
        let permit = Arc::clone(&self.counts.0.permits).try_acquire_owned();
        let (Ok(permit), Some(version)) = (permit, self.version.clone()) else {
            self.counts.skip();
            return response;
        };
        let (tell, sent) = oneshot::channel();
        let status = response.status();
        let length = content_length(response.headers());
        let response = response.map(|body| body.copied_to(tell, MOST_BODY, length));
        let (counts, tolerance) = (self.counts.clone(), self.tolerance);
        tokio::spawn(async move {
            let _permit = permit;
            let (head, body) = request.into_parts();
            let context = RequestContext::uncounted(&head);
            let found = version.answer(Request::from_parts(head, body), &context).await;
            let same_status = found.status() == status;
            let found = collect(found.into_body(), MOST_BODY).await;
            // Nothing is sent if the client went away.
            let Ok(sent) = sent.await else { return counts.skip() };
            let count = match found {
                Err(_) => &counts.0.failed,
                Ok(found) => match same_status && same(&sent, &found, tolerance) {
                    true => &counts.0.same,
                    false => &counts.0.different,
                },
            };
            count.fetch_add(1, Ordering::Relaxed);
        });
        response
    }
}

/// The same request once more.
fn copy(head: &Parts, bytes: Bytes) -> Request<WasiBody> {
    let mut request = Request::new(whole(bytes));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.version_mut() = head.version;
    request.headers_mut().clone_from(&head.headers);
    request
}

impl Shadows {
    /// The request is not mirrored.
    fn skip(&self) {
        self.0.skipped.fetch_add(1, Ordering::Relaxed);
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
