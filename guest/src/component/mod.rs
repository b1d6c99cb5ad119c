//! The component's exports: the handler of requests, as WASI 0.3 or 0.2 has it, and `initialize`.

#[cfg(feature = "p2")]
mod p2;
#[cfg(not(feature = "p2"))]
mod p3;

use std::time::Instant;

use pilotlight_wire::{Coding, GuestTimings};

use crate::api::ApiError;
use crate::pipeline::Timings;
use crate::preinit;
use crate::service::{Endpoint, Head, Service, error_body, route};

mod bindings {
    #![allow(missing_docs, clippy::too_many_arguments, reason = "generated")]
    spin_sdk::wit_bindgen::generate!({
        world: "preinit",
        path: "wit",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
    });
    export!(Preinit);

    struct Preinit;

    impl Guest for Preinit {
        fn initialize(
            _manifest: String,
            placement: Placement,
        ) -> Result<Description, String> {
            let info = crate::preinit::initialize(placement.into())?;
            let task = "token-classification";
            let endpoint = |method: &str, path: &str, task: &str| Endpoint {
                method: method.to_owned(),
                path: path.to_owned(),
                task: task.to_owned(),
            };
            Ok(Description {
                info,
                task: task.to_owned(),
                endpoints: vec![
                    endpoint("POST", "/", task),
                    endpoint("POST", "/v1/token-classification", task),
                    endpoint("POST", "/v1/redact", task),
                    endpoint("GET", "/info", ""),
                ],
                sample: Sample { path: "/".to_owned(), request: SAMPLE.to_owned() },
                agreement: Agreement {
                    path: "/".to_owned(),
                    request: COMPARED.to_owned(),
                    values: "/*/entity".to_owned(),
                    measure: Measure::Equal,
                    threshold: 0.995,
                },
            })
        }
    }

    const SAMPLE: &str = r#"{"inputs": "My name is Sarah Jane Smith, reach me at sarah.smith@example.com."}"#;
    const COMPARED: &str = r#"{"inputs": "{text}", "parameters": {"aggregation_strategy": "none", "ignore_labels": []}}"#;

    impl From<Placement> for crate::compute::Placement {
        fn from(placement: Placement) -> Self {
            use crate::compute::{HostGraph, Precision as Numbers};
            match placement {
                Placement::Guest(Precision::Float32) => Self::Guest(Numbers::F32),
                Placement::Guest(Precision::Int8) => Self::Guest(Numbers::Int8),
                Placement::Guest(Precision::Int4) => Self::Guest(Numbers::Int4),
                Placement::Host(Graph {
                    name,
                    inputs,
                    pad_to_multiple_of,
                    rows,
                    length,
                    vocabulary,
                    ..
                }) => {
                    let inputs = inputs.into_iter().map(|port| port.name).collect();
                    let (pad_to_multiple_of, rows) = (pad_to_multiple_of as usize, rows as usize);
                    let [length, vocabulary] =
                        [length, vocabulary].map(|size| size.map(|size| size as usize));
                    Self::Host(HostGraph {
                        name,
                        inputs,
                        pad_to_multiple_of,
                        rows,
                        length,
                        vocabulary,
                    })
                }
            }
        }
    }
}

const REQUEST_ID: &str = "x-request-id";
const CONTENT_TYPE: &str = "content-type";
const CONTENT_ENCODING: &str = "content-encoding";
/// Longer ids are replaced: they would end up in every log.
const LONGEST_REQUEST_ID: usize = 128;
/// What is read and thrown away of a body above the limit, so that the client gets to read
/// the answer instead of a reset connection.
const DISCARDED_BYTES: usize = 32 << 20;

/// A request that is being answered.
struct Exchange {
    start: Instant,
    id: String,
    timings: Timings,
    /// What the path takes, where the answer is no more than that.
    allow: Option<&'static str>,
}

/// What is sent back.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Exchange {
    /// Takes the id the client sent, if it can be logged as it is, or a new one.
    fn begin(id: Option<&[u8]>, random: fn() -> u64) -> Self {
        let usable = |id: &&[u8]| {
            (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
        };
        let id = id.filter(usable).map(|id| String::from_utf8_lossy(id).into_owned());
        Self {
            start: Instant::now(),
            id: id.unwrap_or_else(|| format!("{:016x}{:016x}", random(), random())),
            timings: Timings::default(),
            allow: None,
        }
    }

    /// Finds what a request is for, and the room for its body. A body that the `content-encoding`
    /// fields call compressed is refused: decompressing is the host's, and would be 30 KB here.
    fn open<'a>(
        &mut self,
        head: Head<'_>,
        encoding: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Opened<'_>, ApiError> {
        let endpoint = route(head)?;
        let service = preinit::service().map_err(ApiError::Internal)?;
        let limit = service.limits().max_body_bytes;
        let ended = !matches!(endpoint, Endpoint::Classify | Endpoint::Redact);
        if !ended {
            Coding::none_of(encoding)?;
        }
        if let Endpoint::Options { allow } = endpoint {
            self.allow = Some(allow);
        }
        let body = Body { limit, received: 0, bytes: Vec::new(), ended };
        Ok(Opened { endpoint, service, body, timings: &mut self.timings })
    }

    fn end(self, answer: Result<Vec<u8>, ApiError>) -> Answer {
        let (status, header, body) = match (answer, self.allow) {
            (Ok(body), Some(allow)) => (204, Some(("allow", allow.to_owned())), body),
            (Ok(body), None) => (200, None, body),
            (Err(error), _) => (error.status(), error.header(), error_body(&error)),
        };
        let mut headers = vec![(REQUEST_ID, self.id)];
        // RFC 9110, 8.6: there is none with 204.
        if status != 204 {
            headers.push((CONTENT_TYPE, "application/json".to_owned()));
            headers.push(("content-length", body.len().to_string()));
        }
        headers.extend(header);
        let timings = GuestTimings {
            tokenization: Some(self.timings.tokenization),
            inference: Some(self.timings.inference),
            total: Some(self.start.elapsed()),
        };
        headers.extend(timings.headers());
        Answer { status, headers, body }
    }
}

/// A request whose body is being read.
struct Opened<'a> {
    endpoint: Endpoint,
    service: &'static Service,
    body: Body,
    timings: &'a mut Timings,
}

impl Opened<'_> {
    /// Whether the model may be computed for the answer.
    #[cfg(not(feature = "p2"))]
    fn computes(&self) -> bool {
        self.endpoint != Endpoint::Info
    }

    fn answer(self) -> Result<Vec<u8>, ApiError> {
        self.service.answer(self.endpoint, &self.body.end()?, self.timings)
    }
}

/// The body of a request up to the limit.
struct Body {
    limit: usize,
    received: usize,
    bytes: Vec<u8>,
    ended: bool,
}

impl Body {
    fn wants_more(&self) -> bool {
        !self.ended && self.received <= DISCARDED_BYTES.max(self.limit)
    }

    fn push(&mut self, data: &[u8]) {
        self.received += data.len();
        if self.received <= self.limit {
            self.bytes.extend_from_slice(data);
        }
    }

    fn end(self) -> Result<Vec<u8>, ApiError> {
        let Self { limit, received, bytes, .. } = self;
        if received > limit { Err(ApiError::TooLarge { limit }) } else { Ok(bytes) }
    }
}

fn broken_off(error: impl std::fmt::Display) -> ApiError {
    ApiError::Malformed(format!("the body could not be read to its end: {error}"))
}
