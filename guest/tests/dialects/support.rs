//! Services of tiny models, and requests to them.

use std::path::Path;

use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service, refuse};
use pilotlight_model::{Choices, ModelFolder};
use serde_json::Value;

/// What a request is answered.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// The service of a model in `crates/testing/models`.
pub(crate) fn service(model: &str) -> Service {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/testing/models").join(model);
    let signature =
        |file: &Path| pilotlight_onnx::signature(file).map_err(|error| error.to_string());
    let folder = ModelFolder::detect(&folder, &Choices::default(), &signature).unwrap();
    Service::load(&folder, Placement::default()).unwrap()
}

/// Sends a request, and has errors told in the words of its path.
pub(crate) fn send(service: &Service, head: Head<'_>, body: &[u8]) -> Reply {
    let answer = service
        .route(head)
        .and_then(|endpoint| service.answer(&endpoint, body, &mut Usage::default()));
    match answer {
        Ok(answer) => Reply {
            status: 200,
            content_type: answer.content_type,
            headers: answer.headers,
            body: answer.body.into(),
        },
        Err(error) => {
            let (status, body) = refuse(head.path, &error);
            Reply { status, content_type: "application/json", headers: Vec::new(), body }
        }
    }
}

pub(crate) fn get(service: &Service, path: &str) -> Reply {
    send(service, Head { method: "GET", path, ..Head::default() }, b"")
}

/// Sends JSON.
pub(crate) fn post(service: &Service, path: &str, body: &Value) -> Reply {
    post_text(service, path, &body.to_string())
}

/// Sends what may be JSON.
pub(crate) fn post_text(service: &Service, path: &str, body: &str) -> Reply {
    let content_type = Some("application/json");
    send(service, Head { method: "POST", path, content_type, ..Head::default() }, body.as_bytes())
}

impl Reply {
    /// The body, which is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of an answer that is no error.
    pub(crate) fn ok(&self) -> Value {
        let value = self.json();
        assert_eq!(self.status, 200, "{value}");
        value
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}
