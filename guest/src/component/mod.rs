//! Exports of the component: the handler of HTTP requests for WASI 0.3 or 0.2, and `initialize`.
//! The top of the crate. Does not know routes or tasks; it calls `service`.

#[cfg(feature = "p2")]
mod p2;
#[cfg(not(feature = "p2"))]
mod p3;

use std::time::Instant;

use bytes::Bytes;
use pilotlight_wire::{Coding, GuestTimings};

use crate::api::ApiError;
use crate::dialects;
use crate::initialize;
use crate::model::Usage;
use crate::service::{Endpoint, Head, Service, refuse};

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
        fn initialize(manifest: String, placement: Placement) -> Result<Description, String> {
            crate::initialize::initialize(&manifest, placement.try_into()?).map(Into::into)
        }
    }

    impl TryFrom<Placement> for crate::engine::Placement {
        type Error = String;

        fn try_from(placement: Placement) -> Result<Self, String> {
            use crate::engine::Precision as Numbers;
            Ok(match placement {
                Placement::Guest(Precision::Float32) => Self::Guest(Numbers::F32),
                Placement::Guest(Precision::Int8) => Self::Guest(Numbers::Int8),
                Placement::Guest(Precision::Int4) => Self::Guest(Numbers::Int4),
                Placement::Host(graphs) => Self::Host(of_host(graphs)?),
            })
        }
    }

    /// The first graph, which has the others beside it.
    fn of_host(graphs: Vec<Graph>) -> Result<crate::engine::HostGraph, String> {
        let mut graphs = graphs.into_iter().map(crate::engine::HostGraph::try_from);
        let first = graphs.next().ok_or("the host names no graph")??;
        Ok(crate::engine::HostGraph { beside: graphs.collect::<Result<_, _>>()?, ..first })
    }

    impl TryFrom<Graph> for crate::engine::HostGraph {
        type Error = String;

        fn try_from(graph: Graph) -> Result<Self, String> {
            let ports = |ports: Vec<Port>| {
                ports.into_iter().map(crate::engine::Port::try_from).collect::<Result<_, _>>()
            };
            let size = |size: Option<u32>| size.map(|size| size as usize);
            Ok(Self {
                inputs: ports(graph.inputs)?,
                outputs: ports(graph.outputs)?,
                pad_to_multiple_of: graph.pad_to_multiple_of as usize,
                rows: graph.rows as usize,
                length: size(graph.length),
                vocabulary: size(graph.vocabulary),
                any_lengths: graph.any_lengths,
                name: graph.name,
                beside: Vec::new(),
            })
        }
    }

    impl TryFrom<Port> for crate::engine::Port {
        type Error = String;

        fn try_from(port: Port) -> Result<Self, String> {
            let Port { name, element, dims } = port;
            let element = crate::engine::Element::of_onnx(element)
                .ok_or_else(|| format!("{name} has elements of an unsupported type {element}"))?;
            let dims = dims.into_iter().map(|dim| dim.map(|size| size as usize)).collect();
            Ok(Self { name, element, dims })
        }
    }

    impl From<crate::service::Description> for Description {
        fn from(description: crate::service::Description) -> Self {
            let crate::service::Description {
                info,
                task,
                endpoints,
                splits,
                sessions,
                sample,
                agreement,
            } = description;
            let endpoints = endpoints.into_iter().map(|(method, path, task)| Endpoint {
                method: method.to_owned(),
                path: path.to_owned(),
                task: task.name().to_owned(),
            });
            let (path, request) = sample;
            Self {
                info,
                task: task.name().to_owned(),
                endpoints: endpoints.collect(),
                splits: splits.into_iter().map(Split::from).collect(),
                sessions: sessions.into_iter().map(Session::from).collect(),
                agreement: Agreement {
                    path: path.clone(),
                    request: agreement.request.to_string(),
                    values: agreement.values.to_owned(),
                    measure: agreement.measure.into(),
                    threshold: agreement.threshold,
                },
                sample: Sample { path, request: request.to_string() },
            }
        }
    }

    impl From<crate::dialects::Split> for Split {
        fn from(split: crate::dialects::Split) -> Self {
            let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
            Self {
                path: split.path.to_owned(),
                texts: split.texts.to_owned(),
                answers: split.answers.to_owned(),
                index: split.index.map(str::to_owned),
                sorted_by: split.sorted_by.map(str::to_owned),
                limits: owned(split.limits),
                sums: owned(split.sums),
            }
        }
    }

    impl From<&crate::dialects::SessionRoute> for Session {
        fn from(session: &crate::dialects::SessionRoute) -> Self {
            Self {
                path: session.path.to_owned(),
                period_ms: u32::try_from(session.period.as_millis()).unwrap_or(u32::MAX),
                sockets: session.sockets.iter().map(|path| (*path).to_owned()).collect(),
            }
        }
    }

    impl From<crate::tasks::Measure> for Measure {
        fn from(measure: crate::tasks::Measure) -> Self {
            match measure {
                crate::tasks::Measure::Equal => Self::Equal,
                crate::tasks::Measure::Cosine => Self::Cosine,
                crate::tasks::Measure::Order => Self::Order,
                crate::tasks::Measure::Difference => Self::Difference,
            }
        }
    }
}

const REQUEST_ID: &str = "x-request-id";
const CONTENT_TYPE: &str = "content-type";
const JSON_LENGTH: &str = "inference-header-content-length";
const USER_AGENT: &str = "user-agent";
const ACCEPT: &str = "accept";
const JSON: &str = "application/json";
const CONTENT_ENCODING: &str = "content-encoding";
/// Longer ids are replaced: they would end up in every log.
const LONGEST_REQUEST_ID: usize = 128;
/// What is read and thrown away of a body above the limit, so that the client gets to read
/// the answer instead of a reset connection.
const DISCARDED_BYTES: usize = 32 << 20;

/// A request that is being answered.
struct RequestState {
    start: Instant,
    id: String,
    usage: Usage,
    /// What the path takes, where the answer is no more than that.
    allow: Option<String>,
    /// Whose words errors are told in depends on it.
    path: String,
}

/// What is sent back.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl RequestState {
    /// Takes the id the client sent, if it can be logged as it is, or a new one.
    fn begin(id: Option<&[u8]>, path: &str, random: fn() -> u64) -> Self {
        let usable = |id: &&[u8]| {
            (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
        };
        let id = id.filter(usable).map(|id| String::from_utf8_lossy(id).into_owned());
        Self {
            start: Instant::now(),
            id: id.unwrap_or_else(|| format!("{:016x}{:016x}", random(), random())),
            usage: Usage::default(),
            allow: None,
            path: path.to_owned(),
        }
    }

    /// Finds what a request is for, and the room for its body. A body that the `content-encoding`
    /// fields call compressed is refused: decompressing is the host's, and would be 30 KB here.
    fn open<'a>(
        &mut self,
        head: Head<'_>,
        encoding: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Opened<'_>, ApiError> {
        let service = initialize::service().map_err(ApiError::Internal)?;
        let endpoint = service.route(head)?;
        let limit = service.limits().max_body_bytes;
        let ended = !endpoint.has_body();
        if !ended {
            Coding::none_of(encoding)?;
        }
        self.allow = endpoint.allow().map(str::to_owned);
        let body = Body { limit, received: 0, bytes: Vec::new(), ended };
        Ok(Opened { endpoint, service, body, usage: &mut self.usage })
    }

    /// The headers of an answer that is written while the request is read, and the session.
    fn end_with_session(
        self,
        opened: dialects::Opened<'static>,
    ) -> (Vec<(&'static str, String)>, OpenSession) {
        let headers = vec![(REQUEST_ID, self.id), (CONTENT_TYPE, opened.content_type.to_owned())];
        let session =
            OpenSession { session: opened.session, usage: Usage::default(), is_over: false };
        (headers, session)
    }

    fn end(self, answer: Result<dialects::Answer, ApiError>) -> Answer {
        let mut headers = vec![(REQUEST_ID, self.id)];
        let (status, body) = match (answer, self.allow) {
            // RFC 9110, 8.6: there is no length with 204.
            (Ok(_), Some(allow)) => {
                headers.push(("allow", allow));
                (204, Bytes::new())
            }
            (Ok(answer), None) => {
                headers.push((CONTENT_TYPE, answer.content_type.to_owned()));
                headers.extend(answer.headers);
                (200, answer.body)
            }
            (Err(error), _) => {
                headers.push((CONTENT_TYPE, JSON.to_owned()));
                headers.extend(error.header());
                let (status, body) = refuse(&self.path, &error);
                (status, body.into())
            }
        };
        if status != 204 {
            headers.push(("content-length", body.len().to_string()));
        }
        let usage = GuestTimings {
            tokenization: Some(self.usage.tokenization),
            inference: Some(self.usage.inference),
            total: Some(self.start.elapsed()),
        };
        headers.extend(usage.headers());
        Answer { status, headers, body }
    }
}

/// What a request is answered with.
enum Reply {
    /// At once.
    Answer(dialects::Answer),
    /// While its body is read.
    Session(dialects::Opened<'static>),
}

/// A session whose answer has begun. Errors are told in the answer, and end it.
struct OpenSession {
    session: Box<dyn dialects::Session>,
    usage: Usage,
    is_over: bool,
}

impl OpenSession {
    /// Whether nothing more is to be told.
    fn is_over(&self) -> bool {
        self.is_over
    }

    /// What is told about the next bytes.
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let pushed = self.session.push(bytes, &mut self.usage, &mut out);
        self.is_over |= self.session.is_over();
        self.told(pushed, out)
    }

    /// What is told at the end.
    fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let finished = self.session.finish(&mut self.usage, &mut out);
        self.is_over = true;
        self.told(finished, out)
    }

    /// What is told where the body has broken off.
    fn break_off(&mut self, reason: String) -> Vec<u8> {
        self.told(Err(ApiError::Malformed(reason)), Vec::new())
    }

    fn told(&mut self, result: Result<(), ApiError>, mut out: Vec<u8>) -> Vec<u8> {
        if let Err(error) = result {
            self.session.fail(&error, &mut out);
            self.is_over = true;
        }
        out
    }
}

/// A request whose body is being read.
struct Opened<'a> {
    endpoint: Endpoint,
    service: &'static Service,
    body: Body,
    usage: &'a mut Usage,
}

impl Opened<'_> {
    /// Whether the model may be computed for the answer.
    #[cfg(not(feature = "p2"))]
    fn computes(&self) -> bool {
        self.endpoint.has_body()
    }

    /// The session that the request begins, if its answer is written while its body is read.
    fn session(&self) -> Option<Result<dialects::Opened<'static>, ApiError>> {
        self.service.open(&self.endpoint)
    }

    fn answer(self) -> Result<dialects::Answer, ApiError> {
        self.service.answer(&self.endpoint, &self.body.end()?, self.usage)
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
