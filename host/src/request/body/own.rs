//! Responses of the host's own.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::Body;
use crate::request::dialect::Refused;

impl Body {
    /// Without content.
    pub(crate) fn empty(status: StatusCode) -> Response<Self> {
        let mut response = Response::new(Self::default());
        *response.status_mut() = status;
        response
    }

    /// What went wrong, in JSON. [`in_dialect`](crate::request::in_dialect) puts it in other words where
    /// the path asks for them.
    pub(crate) fn refusal(status: StatusCode, error_type: &str, error: &str) -> Response<Self> {
        let content = serde_json::json!({"error": error, "error_type": error_type});
        let mut response = Self::json(status, &content);
        let refused = Refused { error_type: error_type.to_owned(), error: error.to_owned() };
        response.extensions_mut().insert(refused);
        response
    }

    /// JSON.
    pub(crate) fn json(status: StatusCode, content: &impl Serialize) -> Response<Self> {
        // Nothing that is answered has keys other than strings.
        let content = serde_json::to_vec(content).unwrap_or_default();
        let mut response = Response::new(Self::full(content));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
