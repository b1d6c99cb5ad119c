//! Traces, metrics and logs that leave the host, and the log.

use std::fs::{self, File};

use pilotlight_testing::collector::{Collector, LOGS, METRICS, TRACES, as_text, attributes, spans};
use pilotlight_tests::{Server, outcome, pilotlight, send};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Request;

use super::{PARENT, SECRET, TRACE, digest, p3};

/// A server whose log goes to a file, and what it logged once it has stopped.
struct Logged(Server, TempDir);

impl Logged {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        Self(Server::run(pilotlight(&["serve"]).args(arguments).stderr(log)), folder)
    }

    fn stop(self) -> String {
        assert_eq!(self.0.stop(), Some(0));
        fs::read_to_string(self.1.path().join("log")).unwrap()
    }
}

/// The lines of a log in JSON, but for what the program says to people before it serves and stops.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_trace_goes_through_the_host_to_the_guest_and_to_the_collector() {
    let collector = Collector::taking();
    let server = Server::start(&[p3().to_str().unwrap(), "--otlp", &collector.endpoint]);
    let request = Request::get(format!("{}/trace?q={SECRET}", server.url))
        .header("traceparent", PARENT)
        .header("tracestate", "a=1")
        .header("x-request-id", "mine");
    let answer = send(request.body(Vec::new()).unwrap());
    let told: Vec<&str> = answer.text.split(' ').collect();
    let [parent, state, id] = told[..] else { panic!("{}", answer.text) };
    assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01"), "{parent}");
    assert_ne!(parent, PARENT, "the span is the host's own");
    assert_eq!((state, id), ("a=1", "mine"));
    assert_eq!(answer.header("traceparent"), "");
    assert_eq!(server.stop(), Some(0));
    let got = collector.next(TRACES);
    let spans = spans(&got);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&spans[0].trace_id), TRACE);
    assert_eq!(hex(&spans[0].span_id), parent.split('-').nth(2).unwrap());
    assert_eq!(hex(&spans[0].parent_span_id), "b7ad6b7169203331");
    let told = attributes(&spans[0].attributes);
    assert_eq!((&told["url.path"][..], &told["http.response.status_code"][..]), ("/trace", "200"));
    assert_eq!(told["pilotlight.function"], "default");
    assert!(spans.iter().any(|span| span.name == "guest"));
    assert!(!got.body.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));
}

#[test]
fn metrics_and_the_log_go_to_the_collector_too() {
    let collector = Collector::taking();
    let server = Logged::start(&[p3().to_str().unwrap(), "--otlp", &collector.endpoint]);
    let request = Request::get(format!("{}/panic", server.0.url)).header("traceparent", PARENT);
    assert_eq!(send(request.body(Vec::new()).unwrap()).status, 500);
    let log = server.stop();
    assert!(log.contains(TRACE), "{log}");
    let logs = collector_logs(&collector);
    assert!(logs.iter().any(|(trace, text)| trace == TRACE && text == "no answer"), "{logs:?}");
}

/// The trace ids and texts of the first log records that come.
fn collector_logs(collector: &Collector) -> Vec<(String, String)> {
    let logs = collector.next(LOGS).logs();
    let records = logs.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    let records = records.flat_map(|scope| &scope.log_records);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    records.map(|record| (hex(&record.trace_id), as_text(record.body.as_ref()))).collect()
}

#[test]
fn a_collector_is_told_the_metrics_when_the_server_stops() {
    let collector = Collector::taking();
    let server = Server::start(&[p3().to_str().unwrap(), "--otlp", &collector.endpoint]);
    assert_eq!(server.get("/count").status, 200);
    assert_eq!(server.stop(), Some(0));
    let metrics = collector.next(METRICS).metrics();
    let names =
        metrics.resource_metrics[0].scope_metrics[0].metrics.iter().map(|one| &one.name[..]);
    assert!(
        names.clone().any(|name| name == "pilotlight_requests"),
        "{:?}",
        names.collect::<Vec<_>>()
    );
}

#[test]
fn lines_in_json_name_the_request_and_hold_nothing_of_it() {
    let server = Logged::start(&[p3().to_str().unwrap(), "--log-format", "json"]);
    let request = Request::post(format!("{}/panic?q={SECRET}", server.0.url))
        .header("traceparent", PARENT)
        .header("x-request-id", "mine")
        .header("cookie", SECRET);
    assert_eq!(send(request.body(SECRET.into()).unwrap()).status, 500);
    assert_eq!(server.0.get("/count").status, 200);
    let log = server.stop();
    assert!(!log.contains(SECRET), "{log}");
    let lines = lines(&log);
    let [line] = &lines[..] else { panic!("one request failed, the other is not logged:\n{log}") };
    assert_eq!(line["level"], "ERROR");
    assert_eq!((&line["message"], &line["request_id"]), (&json!("no answer"), &json!("mine")));
    assert_eq!((&line["trace_id"], &line["function"]), (&json!(TRACE), &json!("default")));
    assert_eq!(line["version"], digest(&p3()));
}

#[test]
fn what_a_guest_says_of_its_error_is_not_logged() {
    let server = Logged::start(&[p3().to_str().unwrap(), "--log-format", "json"]);
    assert_eq!(server.0.get(&format!("/error?q={SECRET}")).status, 500);
    let log = server.stop();
    assert!(!log.contains(SECRET), "{log}");
    let lines = lines(&log);
    let [line] = &lines[..] else { panic!("{log}") };
    let failure = line["failure"].as_str().unwrap();
    assert!(failure.contains("InternalError"), "{failure}");
}

#[test]
fn each_request_has_a_line_where_everything_is_logged() {
    let arguments = [p3().to_str().unwrap().to_owned()];
    let arguments = [&arguments[0][..], "--log-format", "json", "--log", "debug"];
    let server = Logged::start(&arguments);
    for path in ["/count?q=1", "/panic"] {
        server.0.get(path);
    }
    let log = server.stop();
    let lines = lines(&log);
    let answered: Vec<&Value> = lines.iter().filter(|line| line["message"] == "answered").collect();
    let told: Vec<_> = answered.iter().map(|line| (&line["path"], &line["status"])).collect();
    assert_eq!(told, [(&json!("/count"), &json!(200)), (&json!("/panic"), &json!(500))]);
    assert_eq!(answered[1]["error"], "panic");
    assert!(answered.iter().all(|line| line["request_id"].is_string()));
}

#[test]
fn a_configuration_says_how_to_log_and_whom_to_tell() {
    let collector = Collector::taking();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pilotlight.toml");
    let text = format!(
        "functions.only.source = '{}'\n[telemetry]\nlog-format = 'json'\n[telemetry.otlp]\n\
         endpoint = '{}'\nheaders = {{ authorization = 'Bearer hidden' }}\nsample = 1.0\nservice = 'mine'",
        p3().display(),
        collector.endpoint,
    );
    fs::write(&config, text).unwrap();
    let server = Logged::start(&["--config", config.to_str().unwrap()]);
    assert_eq!(server.0.get("/panic").status, 500);
    let log = server.stop();
    assert!(lines(&log).iter().any(|line| line["message"] == "no answer"), "{log}");
    assert!(!log.contains("hidden"));
    let got = collector.next(TRACES);
    assert_eq!(got.headers["authorization"], "Bearer hidden");
    let traces = got.traces();
    let resource = traces.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(attributes(&resource.attributes)["service.name"], "mine");
}

#[test]
fn a_malformed_endpoint_in_the_environment_is_warned_of_where_there_is_no_other() {
    for endpoint in ["127.0.0.1:4318", "grpc://c:4317", "http://me:hidden@c", "http://c?k=hidden"] {
        let mut serve = pilotlight(&["serve", "no-such-model"]);
        let (_, told) = outcome(serve.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
        assert!(told.contains("OTEL_EXPORTER_OTLP_ENDPOINT is ignored"), "{endpoint}: {told}");
        assert!(!told.contains("hidden"), "{told}");
    }
}

#[test]
fn the_environment_says_what_neither_flags_nor_configuration_do() {
    let (collector, other) = (Collector::taking(), Collector::taking());
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("pilotlight.toml"), folder.path().join("log"));
    let run = |text: &str| {
        fs::write(&config, format!("functions.only.source = '{}'\n{text}", p3().display()))
            .unwrap();
        let mut command = pilotlight(&["serve", "--config", config.to_str().unwrap()]);
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &other.endpoint)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hidden")
            .env("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "hidden")
            .env("OTEL_RESOURCE_ATTRIBUTES", "service.name=no,deployment.environment.name=e")
            .env("OTEL_SERVICE_NAME", "environment");
        let server = Server::run(command.stderr(fs::File::create(&log).unwrap()));
        let request = Request::get(format!("{}/count", server.url)).header("traceparent", PARENT);
        assert_eq!(send(request.body(Vec::new()).unwrap()).status, 200);
        assert_eq!(server.stop(), Some(0));
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.contains("OTEL_EXPORTER_OTLP_LOGS_HEADERS is ignored"), "{log}");
        assert!(!log.contains("hidden"), "{log}");
    };
    let told = |collector: &Collector| {
        let got = collector.next(TRACES);
        let traces = got.traces();
        let told = attributes(&traces.resource_spans[0].resource.as_ref().unwrap().attributes);
        (
            got.headers["authorization"].clone(),
            told["service.name"].clone(),
            told["deployment.environment.name"].clone(),
        )
    };
    run("");
    let all = ["Bearer hidden", "environment", "e"].map(str::to_owned);
    assert_eq!(<[String; 3]>::from(told(&other)), all);
    run(&format!("telemetry.otlp.endpoint = '{}'", collector.endpoint));
    assert_eq!(<[String; 3]>::from(told(&collector)), all);
    let headers = "headers.authorization = 'configured'\nservice = 'configured'";
    run(&format!("[telemetry.otlp]\nendpoint = '{}'\n{headers}", collector.endpoint));
    let all = ["configured", "configured", "e"].map(str::to_owned);
    assert_eq!(<[String; 3]>::from(told(&collector)), all);
}

#[test]
fn a_collector_that_cannot_be_is_a_mistake_and_one_that_is_away_hurts_nobody() {
    let mut command = pilotlight(&["serve", p3().to_str().unwrap(), "--otlp", "collector:4318"]);
    let (code, error) = pilotlight_tests::outcome(&mut command);
    assert!(code == 1 && error.contains("collector:4318"), "{error}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(&[p3().to_str().unwrap(), "--otlp", &format!("http://{nobody}")]);
    assert_eq!(server.get("/count").status, 200);
    assert_eq!(server.stop(), Some(0));
}
