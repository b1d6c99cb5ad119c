//! What telemetry costs a request: `cargo run --release -p pilotlight-telemetry --example overhead`.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use pilotlight_telemetry::{
    Metrics, Otlp, OtlpOptions, RequestOutcome, RequestSpan, RequestTrace, Sampler, Stages,
    json_lines, request_span,
};
use tracing_subscriber::layer::SubscriberExt as _;

const ROUNDS: u32 = 50;
const TIMES: u32 = 20_000;

/// Shows the fastest of many rounds: in the others something else ran, too.
fn measure(what: &str, mut once: impl FnMut()) {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        (0..TIMES).for_each(|_| once());
        start.elapsed() / TIMES
    });
    let fastest = rounds.min().unwrap_or_default();
    println!("{:>6} ns  {what}", fastest.as_nanos());
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Metrics::new("0");
    let handle = metrics.function("pii", "0123456789ab");
    let time = Some(Duration::from_micros(700));
    let stages = Stages {
        queue: time,
        instantiate: time,
        guest: time,
        tokenize: time,
        compute: time,
        decode: time,
    };
    let total = Duration::from_millis(5);
    let observation = RequestOutcome { status: StatusCode::OK, kind: None, stages, total };
    measure("counted: in flight, code, duration and six stages", || {
        let _in_flight = handle.enter();
        handle.record(black_box(&observation));
    });

    let never = Sampler::NEVER;
    let none = HeaderMap::new();
    measure("a trace begun", || drop(black_box(RequestTrace::begin(&none, never))));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let given = HeaderMap::from_iter([(
        http::HeaderName::from_static("traceparent"),
        HeaderValue::from_static(parent),
    )]);
    measure("a trace gone on with", || drop(black_box(RequestTrace::begin(&given, never))));
    let mut onward = HeaderMap::new();
    let trace = RequestTrace::begin(&given, never);
    measure("a trace passed on", || trace.inject(black_box(&mut onward)));

    // Nobody is there: what finds no room is dropped, which costs as much.
    let otlp = Otlp::start(&OtlpOptions::new("http://127.0.0.1:1"), &metrics)?;
    let span = || RequestSpan {
        began: SystemTime::now(),
        method: Method::POST,
        scheme: "http",
        path: "/v1/token-classification".to_owned(),
        route: Some("default".to_owned()),
        function: Some("pii".to_owned()),
        version: Some("0123456789ab".to_owned()),
        observation,
    };
    measure("spans of a recorded request put aside", || otlp.record(&trace, span()));
    let log = tracing_subscriber::registry().with(json_lines(std::io::sink));
    tracing::subscriber::with_default(log, || {
        measure("a span for log lines", || {
            let span = request_span(&trace, "0123456789abcdef");
            span.record("function", "pii");
            span.record("version", "0123456789ab");
        });
        let _entered = request_span(&trace, "0123456789abcdef").entered();
        measure("a line of JSON", || tracing::info!(status = 200, "answered"));
    });
    Ok(())
}
