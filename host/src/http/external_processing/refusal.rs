use http::{StatusCode, header};
use serde_json::json;

use super::messages::{
    HeaderMutation, HeaderValue, HeaderValueOption, HttpStatus, ImmediateResponse, OVERWRITE,
    ProcessingResponse, Reply,
};

/// Why nothing of a request or response passes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error_type: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error_type: &str, message: &str) -> Self {
        Self { status, error_type: error_type.to_owned(), message: message.to_owned() }
    }

    /// What the proxy's client gets, in a form that clients of OpenAI and of Anthropic read.
    pub(super) fn response(&self) -> ProcessingResponse {
        let Self { status, error_type, message } = self;
        let error = json!({"message": message, "type": error_type, "code": error_type});
        let content_type = HeaderValue {
            key: header::CONTENT_TYPE.as_str().to_owned(),
            value: String::new(),
            raw_value: b"application/json".to_vec(),
        };
        let headers = HeaderMutation {
            set_headers: vec![HeaderValueOption {
                header: Some(content_type),
                append_action: OVERWRITE,
            }],
            remove_headers: Vec::new(),
        };
        let immediate = ImmediateResponse {
            status: Some(HttpStatus { code: i32::from(status.as_u16()) }),
            headers: Some(headers),
            body: json!({"type": "error", "error": error}).to_string().into_bytes(),
            details: format!("pilotlight_{error_type}"),
        };
        ProcessingResponse { response: Some(Reply::Immediate(immediate)) }
    }
}
