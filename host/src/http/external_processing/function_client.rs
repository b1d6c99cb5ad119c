//! Requests to the function.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::json;
use wasmtime_wasi_http::WasiBody;

use super::refusal::Refusal;
use crate::http::grpc;
use crate::http::middleware::Next;
use crate::request::{Body, RequestContext, whole};

/// Maximum number of concurrent requests for the texts of one body.
const AT_ONCE: usize = 4;

/// Change of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Redact,
    Reidentify,
}

/// Sends requests to the function that a call was routed to.
#[derive(Clone)]
pub(super) struct FunctionClient<N> {
    head: Parts,
    next: N,
    /// Maximum size of a body in bytes.
    limit: usize,
}

impl<N: Next> FunctionClient<N> {
    /// Requests get the routing and the headers of `call`.
    pub(super) fn new(call: &Request<WasiBody>, next: N, limit: usize) -> Self {
        let mut head = grpc::head(call);
        head.method = Method::POST;
        Self { head, next, limit }
    }

    /// Maximum size of a body of the function, in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The changed texts, in order.
    ///
    /// # Errors
    /// [`Refusal`] if one of them cannot be changed.
    pub(super) async fn change(
        self,
        change: Change,
        texts: Vec<String>,
    ) -> Result<Vec<String>, Refusal> {
        let changed = stream::iter(texts).map(move |text| self.clone().change_one(change, text));
        changed.buffered(AT_ONCE).try_collect().await
    }

    async fn change_one(self, change: Change, text: String) -> Result<String, Refusal> {
        // No entity consists of punctuation alone.
        if !text.contains(char::is_alphanumeric) {
            return Ok(text);
        }
        let path = match change {
            Change::Redact => "/v1/redact",
            Change::Reidentify => "/v1/reidentify",
        };
        let body = Bytes::from(json!({"text": text}).to_string());
        let json = HeaderValue::from_static("application/json");
        let mut request = self.request(Uri::from_static(path), json, whole(body.clone()));
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let limit = self.limit;
        read(self.next.run(request).await, limit).await
    }

    /// The answer to a stream of texts, which is written while `body` is read.
    ///
    /// # Errors
    /// [`Refusal`] of the function.
    pub(super) async fn stream(
        self,
        change: Change,
        content_type: HeaderValue,
        body: WasiBody,
    ) -> Result<Body, Refusal> {
        let path = match change {
            Change::Redact => "/v1/redact/stream",
            Change::Reidentify => "/v1/reidentify/stream",
        };
        let request = self.request(Uri::from_static(path), content_type, body);
        let limit = self.limit;
        let (head, body) = self.next.run(request).await.into_parts();
        match head.status {
            StatusCode::OK => Ok(body),
            status => Err(told(status, &collected(body, limit).await)),
        }
    }

    fn request(&self, uri: Uri, content_type: HeaderValue, body: WasiBody) -> Request<WasiBody> {
        let mut head = self.head.clone();
        head.uri = uri;
        head.headers.insert(header::CONTENT_TYPE, content_type);
        // Only the call itself is counted.
        let uncounted = RequestContext::uncounted(&head);
        head.extensions.insert(uncounted);
        Request::from_parts(head, body)
    }
}

/// The text of an answer.
async fn read(response: Response<Body>, limit: usize) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Answer {
        text: String,
    }
    let (head, body) = response.into_parts();
    // Placeholders can be longer than what they stand for.
    let body = collected(body, limit.saturating_mul(16)).await;
    if head.status != StatusCode::OK {
        return Err(told(head.status, &body));
    }
    let answer = serde_json::from_slice::<Answer>(&body);
    answer.map(|answer| answer.text).map_err(|_| {
        let message = "the function's answer could not be read; nothing passes unchecked";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    })
}

async fn collected(body: Body, limit: usize) -> Bytes {
    let collected = Limited::new(body, limit).collect().await;
    collected.map(|body| body.to_bytes()).unwrap_or_default()
}

/// The function's own refusal.
fn told(status: StatusCode, body: &[u8]) -> Refusal {
    #[derive(Deserialize)]
    struct Told {
        error: String,
        error_type: String,
    }
    match serde_json::from_slice::<Told>(body) {
        Ok(told) if status.is_client_error() || status.is_server_error() => {
            Refusal { status, error_type: told.error_type, message: told.error }
        }
        _ => {
            let message =
                format!("the function answers with status {status}; nothing passes unchecked");
            Refusal::new(StatusCode::BAD_GATEWAY, "internal", &message)
        }
    }
}
