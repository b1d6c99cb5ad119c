//! What a collector gets, read with OpenTelemetry's own types.

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use pilotlight_telemetry::{
    ErrorKind, Metrics, Otlp, RequestOutcome, RequestSpan, RequestTrace, Sampler, Secret,
    request_span,
};
use pilotlight_testing::collector::{
    Collector, LOGS, METRICS, PATIENCE, TRACES, as_text, attributes, recorded, request, spans,
};
use pilotlight_testing::telemetry::{self, answered, failed, full, through_all_stages};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Sends one request's spans, and ends.
fn sent(trace: &RequestTrace, span: RequestSpan) -> Vec<Span> {
    let collector = Collector::taking();
    let otlp = Otlp::start(&collector.options(), &Metrics::new("1")).unwrap();
    otlp.record(trace, span);
    otlp.shutdown(PATIENCE).unwrap();
    spans(&collector.next(TRACES))
}

#[test]
fn a_request_is_a_server_span_with_its_stages_below_it() {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_static(PARENT));
    headers.insert("tracestate", HeaderValue::from_static("a=1"));
    let trace = RequestTrace::begin(&headers, Sampler::NEVER);
    let spans = sent(&trace, request(through_all_stages()));
    let names: Vec<_> = spans.iter().map(|span| &span.name[..]).collect();
    let expected =
        ["POST default", "queue", "instantiate", "guest", "tokenize", "compute", "decode"];
    assert_eq!(names, expected);
    let server = &spans[0];
    assert_eq!(server.trace_id, trace.own.trace.bytes());
    assert_eq!(server.span_id, trace.own.span.bytes());
    assert_eq!(server.parent_span_id, trace.parent.unwrap().bytes());
    assert_eq!((server.kind, server.flags), (2, 0x301));
    let parents: Vec<_> = spans[1..].iter().map(|span| &span.parent_span_id[..]).collect();
    let guest = &spans[3].span_id[..];
    let own = &server.span_id[..];
    assert_eq!(parents, [own, own, own, guest, guest, guest]);
    assert!(spans.iter().all(|span| span.trace_state == "a=1" && span.trace_id == server.trace_id));
}

#[test]
fn stages_follow_each_other_within_the_request() {
    let spans = sent(&recorded(), request(through_all_stages()));
    let begin = 1_800_000_000_000_000_000;
    let microseconds = |nanoseconds: u64| (nanoseconds - begin) / 1000;
    let times: Vec<_> = spans
        .iter()
        .map(|span| {
            (microseconds(span.start_time_unix_nano), microseconds(span.end_time_unix_nano))
        })
        .collect();
    let expected = [
        (0, 10_000),
        (0, 10),
        (10, 100),
        (100, 9_100),
        (100, 1_100),
        (1_100, 7_100),
        (7_100, 9_100),
    ];
    assert_eq!(times, expected);
}

#[test]
fn a_span_says_what_the_conventions_for_http_ask_for() {
    let spans = sent(&recorded(), request(answered(1)));
    let attributes = attributes(&spans[0].attributes);
    assert_eq!(attributes["http.request.method"], "POST");
    assert_eq!(attributes["http.route"], "default");
    assert_eq!(attributes["http.response.status_code"], "200");
    assert_eq!(attributes["url.path"], "/v1/token-classification");
    assert_eq!(attributes["url.scheme"], "http");
    assert_eq!(attributes["pilotlight.function"], "pii");
    assert_eq!(attributes["pilotlight.version"], "0123456789ab");
    assert!(!attributes.contains_key("error.type"));
    assert_eq!(spans[0].status.as_ref().unwrap().code, 0);
}

#[test]
fn a_server_error_is_one_and_a_callers_mistake_is_none() {
    let spans = sent(&recorded(), request(failed(ErrorKind::Timeout)));
    assert_eq!(spans[0].status.as_ref().unwrap().code, 2);
    assert_eq!(attributes(&spans[0].attributes)["error.type"], "timeout");
    let refused = RequestOutcome {
        status: StatusCode::TOO_MANY_REQUESTS,
        kind: Some(ErrorKind::RateLimited),
        ..answered(1)
    };
    let spans = sent(&recorded(), request(refused));
    assert_eq!(spans.len(), 1, "it has seen no stage");
    assert_eq!(spans[0].status.as_ref().unwrap().code, 0);
    assert_eq!(attributes(&spans[0].attributes)["error.type"], "rate_limited");
}

#[test]
fn methods_that_callers_make_up_have_one_name() {
    let method = Method::from_bytes(b"MADEUP").unwrap();
    let spans = sent(&recorded(), RequestSpan { method, route: None, ..request(answered(1)) });
    assert_eq!(spans[0].name, "HTTP");
    assert_eq!(attributes(&spans[0].attributes)["http.request.method"], "_OTHER");
}

#[test]
fn a_trace_that_nobody_records_is_not_sent() {
    let collector = Collector::taking();
    let otlp = Otlp::start(&collector.options(), &Metrics::new("1")).unwrap();
    otlp.record(&RequestTrace::begin(&HeaderMap::new(), Sampler::NEVER), request(answered(1)));
    otlp.shutdown(PATIENCE).unwrap();
    assert_eq!(collector.left(TRACES), 0);
}

#[test]
fn who_sends_and_with_which_headers_is_as_configured() {
    let collector = Collector::taking();
    let mut options = collector.options();
    options.endpoint = format!("{}/otlp/", collector.endpoint);
    options.service = "redaction".to_owned();
    options.attributes = vec![("deployment.environment.name".to_owned(), "staging".to_owned())];
    options.headers = vec![("Authorization".to_owned(), Secret::new("Bearer hidden"))];
    assert!(!format!("{options:?}").contains("hidden"));
    let otlp = Otlp::start(&options, &Metrics::new("1.2.3")).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    otlp.shutdown(PATIENCE).unwrap();
    let got = collector.next("/otlp/v1/traces");
    assert_eq!(got.headers["authorization"], "Bearer hidden");
    assert_eq!(got.headers["content-type"], "application/x-protobuf");
    let traces = got.traces();
    let resource = traces.resource_spans[0].resource.as_ref().unwrap();
    let attributes = attributes(&resource.attributes);
    assert_eq!(attributes["service.name"], "redaction");
    assert_eq!(attributes["service.version"], "1.2.3");
    assert_eq!(attributes["deployment.environment.name"], "staging");
    assert_eq!(attributes["service.instance.id"].len(), 32);
    let scope = traces.resource_spans[0].scope_spans[0].scope.as_ref().unwrap();
    assert_eq!((&scope.name[..], &scope.version[..]), ("pilotlight", "1.2.3"));
}

#[test]
fn metrics_are_those_of_prometheus() {
    let collector = Collector::taking();
    let (metrics, _handle) = full();
    let otlp = Otlp::start(&collector.options(), &metrics).unwrap();
    otlp.shutdown(PATIENCE).unwrap();
    let got = collector.next(METRICS).metrics();
    let all = &got.resource_metrics[0].scope_metrics[0].metrics;
    let open = metrics.render(telemetry::OPEN_METRICS).1;
    let names: Vec<_> = all.iter().map(|metric| &metric.name[..]).collect();
    assert_eq!(names, telemetry::names(&open));
    let metric = |name: &str| -> &Metric { all.iter().find(|metric| metric.name == name).unwrap() };

    let Some(Data::Sum(errors)) = &metric("pilotlight_errors").data else { panic!() };
    assert!(errors.is_monotonic && errors.aggregation_temporality == 2);
    let panics = errors.data_points.iter().find(|point| {
        let attributes = attributes(&point.attributes);
        attributes["kind"] == "panic" && attributes.contains_key("function")
    });
    assert_eq!(panics.unwrap().value, Some(number_data_point::Value::AsInt(1)));

    let share = metric("pilotlight_canary_share_ratio");
    assert_eq!(share.unit, "1");
    let Some(Data::Gauge(share)) = &share.data else { panic!() };
    assert_eq!(share.data_points[0].value, Some(number_data_point::Value::AsDouble(0.05)));

    let duration = metric("pilotlight_request_duration_seconds");
    assert_eq!(duration.unit, "s");
    let Some(Data::Histogram(duration)) = &duration.data else { panic!() };
    let point = duration.data_points.iter().find(|point| !point.attributes.is_empty()).unwrap();
    assert_eq!((point.count, point.sum), (2, Some(0.011)));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
    assert!(point.start_time_unix_nano <= point.time_unix_nano);
}

#[test]
fn a_log_line_names_the_trace_of_its_request() {
    let collector = Collector::taking();
    let otlp = Otlp::start(&collector.options(), &Metrics::new("1")).unwrap();
    let trace = recorded();
    let log = tracing_subscriber::registry().with(otlp.log_layer(LevelFilter::WARN));
    tracing::subscriber::with_default(log, || {
        let span = request_span(&trace, "r-1");
        span.record("function", "pii");
        let _entered = span.enter();
        tracing::warn!(retries = 3, share = 0.5, retry = true, "no answer");
        tracing::info!("not asked for");
    });
    otlp.shutdown(PATIENCE).unwrap();
    let logs = collector.next(LOGS).logs();
    let [record] = &logs.resource_logs[0].scope_logs[0].log_records[..] else { panic!("{logs:?}") };
    assert_eq!(as_text(record.body.as_ref()), "no answer");
    assert_eq!((record.severity_number, &record.severity_text[..]), (13, "WARN"));
    assert_eq!(record.trace_id, trace.own.trace.bytes());
    assert_eq!(record.span_id, trace.own.span.bytes());
    assert!(record.time_unix_nano > 0);
    let attributes = attributes(&record.attributes);
    assert_eq!(attributes["request_id"], "r-1");
    assert_eq!(attributes["function"], "pii");
    assert_eq!(attributes["target"], module_path!());
    assert_eq!((&attributes["retries"][..], &attributes["share"][..]), ("3", "0.5"));
    assert_eq!(attributes["retry"], "true");
}
