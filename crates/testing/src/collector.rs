//! An OTLP collector on a free port that answers as it is told and hands on what it gets.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, Method};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use pilotlight_telemetry::{
    Metrics, OtlpOptions, RequestOutcome, RequestSpan, RequestTrace, Sampler,
};
use prost::Message as _;

use crate::telemetry::value;

/// Where spans are sent.
pub const TRACES: &str = "/v1/traces";
/// Where metrics are sent.
pub const METRICS: &str = "/v1/metrics";
/// Where log records are sent.
pub const LOGS: &str = "/v1/logs";
/// Far longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the collector got.
pub struct Got {
    /// The path.
    pub path: String,
    /// The headers; their names are in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the collector answers.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header lines, each with its end.
    pub headers: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer without a body.
pub fn status(status: u16) -> Answer {
    Answer { status, headers: "", body: Vec::new() }
}

/// A running collector.
pub struct Collector {
    /// Its URL.
    pub endpoint: String,
    /// What is answered to the next requests; when it is closed, they are taken.
    pub answers: Sender<Answer>,
    got: Receiver<Got>,
}

impl Collector {
    /// One that takes everything at once.
    pub fn taking() -> Self {
        let collector = Self::waiting();
        Self { answers: channel().0, ..collector }
    }

    /// One that answers when it is told what.
    pub fn waiting() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (answers, told) = channel::<Answer>();
        let (tell, got) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serve(stream.unwrap(), &told, &tell).is_none() {
                    return;
                }
            }
        });
        Self { endpoint, answers, got }
    }

    /// Options to send there, in which nothing happens unless a test wants it.
    pub fn options(&self) -> OtlpOptions {
        let mut options = OtlpOptions::new(&self.endpoint[..]);
        options.delay = Duration::from_secs(3600);
        options.interval = Duration::from_secs(3600);
        options.timeout = PATIENCE;
        options.backoff = Duration::from_millis(1);
        options
    }

    /// The next request for `path`; those for others are passed over.
    pub fn next(&self, path: &str) -> Got {
        loop {
            let got = self.got.recv_timeout(PATIENCE).unwrap();
            if got.path == path {
                return got;
            }
        }
    }

    /// How many requests for `path` have come that nobody has asked for.
    pub fn left(&self, path: &str) -> usize {
        self.got.try_iter().filter(|got| got.path == path).count()
    }
}

/// Answers the requests of one connection; one is all there is on each.
fn serve(stream: TcpStream, told: &Receiver<Answer>, tell: &Sender<Got>) -> Option<()> {
    let mut reader = BufReader::new(&stream);
    let mut lines = reader.by_ref().lines().map(Result::unwrap);
    let Some(head) = lines.next() else { return Some(()) };
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let headers: HashMap<_, _> = lines
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    tell.send(Got { path, headers, body }).ok()?;
    let answer = told.recv().unwrap_or_else(|_| status(200));
    let head = format!(
        "HTTP/1.1 {} said\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n",
        answer.status,
        answer.body.len(),
        answer.headers,
    );
    // Whoever asked may have lost patience.
    let _ = (&stream).write_all(&[head.as_bytes(), &answer.body].concat());
    Some(())
}

impl Got {
    /// The body, as spans.
    pub fn traces(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(&self.body[..]).unwrap()
    }

    /// The body, as metrics.
    pub fn metrics(&self) -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest::decode(&self.body[..]).unwrap()
    }

    /// The body, as log records.
    pub fn logs(&self) -> ExportLogsServiceRequest {
        ExportLogsServiceRequest::decode(&self.body[..]).unwrap()
    }
}

/// Attributes by their keys, as text.
pub fn attributes(all: &[KeyValue]) -> HashMap<&str, String> {
    all.iter().map(|one| (&one.key[..], as_text(one.value.as_ref()))).collect()
}

/// A value as text.
pub fn as_text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()).unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(value) => value.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A trace that is recorded.
pub fn recorded() -> RequestTrace {
    RequestTrace::begin(&HeaderMap::new(), Sampler::new(1.0).unwrap())
}

/// What there is to tell of a request that went like this.
pub fn request(observation: RequestOutcome) -> RequestSpan {
    RequestSpan {
        began: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        method: Method::POST,
        scheme: "http",
        path: "/v1/token-classification".to_owned(),
        route: Some("default".to_owned()),
        function: Some("pii".to_owned()),
        version: Some("0123456789ab".to_owned()),
        observation,
    }
}

/// The spans of a request to the collector.
pub fn spans(got: &Got) -> Vec<Span> {
    let traces = got.traces();
    let [resource] = &traces.resource_spans[..] else { panic!("{traces:?}") };
    let [scope] = &resource.scope_spans[..] else { panic!("{traces:?}") };
    scope.spans.clone()
}

/// How many spans, log records or metrics had this outcome.
pub fn items(metrics: &Metrics, signal: &str, outcome: &str) -> f64 {
    let labels = format!("{{signal=\"{signal}\",outcome=\"{outcome}\"}}");
    value(&metrics.render("").1, &format!("pilotlight_telemetry_items_total{labels}")).unwrap()
}
