//! What the host tells of itself: `/metrics`, traces, the log.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pilotlight_testing::collector::{Collector, LOGS, METRICS, TRACES, as_text, attributes, spans};
use pilotlight_testing::telemetry::{OPEN_METRICS, value};
use pilotlight_tests::{Server, component, outcome, pilotlight, send, test_guest};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Request;

const PATIENCE: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// Nothing else that is asked looks like it.
const SECRET: &str = "Ada-Lovelace-of-London";

/// The guest of the tests as another version, by what it is called.
fn version(folder: &TempDir, name: &str) -> PathBuf {
    let mut bytes = fs::read(test_guest("p3")).unwrap();
    bytes.extend_from_slice(&[0, 1 + name.len() as u8, name.len() as u8]);
    bytes.extend_from_slice(name.as_bytes());
    let path = folder.path().join(format!("{name}.wasm"));
    fs::write(&path, bytes).unwrap();
    path
}

fn digest(path: &Path) -> String {
    pilotlight_model::Digest::of(&fs::read(path).unwrap()).to_string()[..12].to_owned()
}

fn metrics(server: &Server) -> String {
    let request = Request::get(format!("{}/metrics", server.admin)).body(Vec::new());
    send(request.unwrap()).text
}

/// The labels of the version that is made from a file.
fn labels(path: &Path) -> String {
    format!("function=\"default\",version=\"{}\"", digest(path))
}

/// A count once it is as it should be: a request is counted when its answer has left, which may be
/// after it was read.
#[track_caller]
fn reaches(server: &Server, series: &str, count: f64) {
    let start = Instant::now();
    while value(&metrics(server), series) != Some(count) {
        let text = metrics(server);
        assert!(start.elapsed() < PATIENCE, "{series} never was {count}:\n{text}");
        std::thread::yield_now();
    }
}

fn swap(server: &Server, source: &Path) -> u16 {
    let body = json!({"source": source}).to_string().into_bytes();
    let request = Request::put("/functions/default").header("content-type", "application/json");
    server.ask(request.body(body).unwrap()).status
}

fn roll_back(server: &Server) -> u16 {
    let request =
        Request::post("/functions/default/rollback").header("content-type", "application/json");
    server.ask(request.body(Vec::new()).unwrap()).status
}

fn p3() -> PathBuf {
    test_guest("p3")
}

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
fn requests_are_counted_by_how_they_went() {
    let server = Server::start(&[p3().to_str().unwrap()]);
    let labels = labels(&p3());
    let start = metrics(&server);
    assert_eq!(
        value(&start, &format!("pilotlight_errors_total{{{labels},kind=\"panic\"}}")),
        Some(0.0)
    );
    server.get("/count");
    assert_eq!(server.get("/panic").status, 500);
    let head = Request::head(format!("{}/count", server.url));
    assert_eq!(send(head.body(Vec::new()).unwrap()).status, 200);
    reaches(&server, &format!("pilotlight_requests_total{{{labels},code=\"200\"}}"), 2.0);
    reaches(&server, &format!("pilotlight_requests_total{{{labels},code=\"500\"}}"), 1.0);
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 0.0);
    let text = metrics(&server);
    let count = |name: &str| value(&text, name).unwrap();
    assert_eq!(count(&format!("pilotlight_errors_total{{{labels},kind=\"panic\"}}")), 1.0);
    assert_eq!(count(&format!("pilotlight_errors_total{{{labels},kind=\"disconnected\"}}")), 0.0);
    assert_eq!(count(&format!("pilotlight_request_duration_seconds_count{{{labels}}}")), 3.0);
    for stage in ["queue", "guest"] {
        let series =
            format!("pilotlight_stage_duration_seconds_count{{{labels},stage=\"{stage}\"}}");
        assert_eq!(count(&series), 2.0, "the one that panicked has not come to its end");
    }
    let taken = ["ready", "inline"]
        .map(|way| count(&format!("pilotlight_pool_acquired_total{{{labels},way=\"{way}\"}}")));
    assert_eq!(taken.iter().sum::<f64>(), 3.0);
    assert!(count("process_resident_memory_bytes") > 1e6);
}

#[test]
fn half_an_answer_and_a_client_that_leaves_are_counted_as_such() {
    use std::io::{Read as _, Write as _};
    let server = Server::start(&[p3().to_str().unwrap()]);
    let labels = labels(&p3());
    let ask = |path: &str| {
        let address = server.url.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        stream
    };
    let mut answer = Vec::new();
    ask("/half").read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    reaches(&server, &format!("pilotlight_errors_total{{{labels},kind=\"half_response\"}}"), 1.0);
    let client = ask("/spin");
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 1.0);
    drop(client);
    reaches(&server, &format!("pilotlight_errors_total{{{labels},kind=\"disconnected\"}}"), 1.0);
    reaches(&server, &format!("pilotlight_requests_total{{{labels},code=\"499\"}}"), 1.0);
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 0.0);
}

#[test]
fn requests_for_nobody_are_counted_without_a_function() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pilotlight.toml");
    let text = format!(
        "functions.only.source = '{}'\n[[routes]]\nmatch.path = '/count'\nto = 'only'",
        p3().display()
    );
    fs::write(&config, text).unwrap();
    let server = Server::start(&["--config", config.to_str().unwrap()]);
    assert_eq!(server.get("/other").status, 404);
    reaches(&server, "pilotlight_requests_total{code=\"404\"}", 1.0);
    reaches(&server, "pilotlight_errors_total{kind=\"not_found\"}", 1.0);
    assert_eq!(server.get("/count").status, 200);
    let of_the_only = format!("function=\"only\",version=\"{}\"", digest(&p3()));
    reaches(&server, &format!("pilotlight_requests_total{{{of_the_only},code=\"200\"}}"), 1.0);
}

#[test]
fn metrics_are_written_as_they_are_asked_for() {
    let server = Server::start(&[p3().to_str().unwrap()]);
    for (accept, content_type) in [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        (OPEN_METRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ] {
        let request = Request::get(format!("{}/metrics", server.admin)).header("accept", accept);
        let answer = send(request.body(Vec::new()).unwrap());
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
        assert_eq!(answer.text.ends_with("# EOF\n"), accept == OPEN_METRICS);
    }
    let posted = Request::post(format!("{}/metrics", server.admin)).body(Vec::new());
    assert_eq!(send(posted.unwrap()).status, 405);
}

#[test]
fn changes_of_versions_are_counted_and_no_series_outlives_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let versions = ["one", "two", "three", "four"].map(|name| version(&folder, name));
    let server = Server::start(&[versions[0].to_str().unwrap()]);
    for change in 1..=20 {
        assert_eq!(swap(&server, &versions[change % 4]), 200);
        assert_eq!(server.get("/count").status, 200);
    }
    assert_eq!(swap(&server, Path::new("absent.wasm")), 422);
    assert_eq!(roll_back(&server), 200);
    let swaps =
        |outcome| format!("pilotlight_swaps_total{{function=\"default\",outcome=\"{outcome}\"}}");
    let text = metrics(&server);
    assert_eq!(value(&text, &swaps("taken_over")), Some(20.0));
    assert_eq!(value(&text, &swaps("refused")), Some(1.0));
    let by_operator = "pilotlight_rollbacks_total{function=\"default\",cause=\"operator\"}";
    assert_eq!(value(&text, by_operator), Some(1.0));
    // Versions are let go of in the background.
    let gone: Vec<String> = versions[1..3].iter().map(|path| digest(path)).collect();
    let start = Instant::now();
    let told = |text: &str| gone.iter().any(|version| text.contains(version.as_str()));
    while told(&metrics(&server)) {
        assert!(start.elapsed() < PATIENCE, "{}", metrics(&server));
        std::thread::yield_now();
    }
    let text = metrics(&server);
    for left in [&versions[0], &versions[3]] {
        assert!(text.contains(&digest(left)), "{text}");
    }
}

#[test]
fn a_canary_that_is_rolled_back_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pilotlight.toml");
    // The old one does not know the path on which the new one fails.
    let (old, new) = (test_guest("p2"), p3());
    let text = format!(
        "functions.old.source = '{}'\nfunctions.new.source = '{}'\n\
         [[routes]]\nname = 'all'\nto = [{{ target = 'old', weight = 1 }}, {{ target = 'new', weight = 1 }}]\n\
         canary = {{ target = 'new', steps = [{{ share = 0.9, for = '1h' }}] }}",
        old.display(),
        new.display()
    );
    fs::write(&config, text).unwrap();
    let server = Server::start(&["--config", config.to_str().unwrap()]);
    let state = |state| format!("pilotlight_canary_state{{route=\"all\",state=\"{state}\"}}");
    assert_eq!(value(&metrics(&server), &state("running")), Some(1.0));
    let rolled_back = "pilotlight_rollbacks_total{function=\"new\",cause=\"canary\"}";
    let start = Instant::now();
    while value(&metrics(&server), rolled_back) != Some(1.0) {
        assert!(start.elapsed() < PATIENCE, "{}", metrics(&server));
        assert!(matches!(server.get("/trap").status, 200 | 500));
    }
    let text = metrics(&server);
    assert_eq!(value(&text, &state("rolled_back")), Some(1.0));
    assert_eq!(value(&text, "pilotlight_canary_share_ratio{route=\"all\"}"), Some(0.0));
}

#[test]
fn stages_that_our_guest_tells_of_are_counted() {
    let server = Server::start(&[component().to_str().unwrap()]);
    assert_eq!(server.get("/info").status, 200);
    assert_eq!(server.post("/", r#"{"inputs": "Ada Lovelace lives in London."}"#).status, 200);
    let labels = format!("{},task=\"token-classification\"", labels(&component()));
    let counted = |stage: &str| {
        format!("pilotlight_stage_duration_seconds_count{{{labels},stage=\"{stage}\"}}")
    };
    reaches(&server, &counted("guest"), 2.0);
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 0.0);
    let text = metrics(&server);
    for stage in ["tokenize", "compute", "decode"] {
        assert_eq!(value(&text, &counted(stage)), Some(1.0), "{stage}: /info has none");
    }
    // It says how long its answers are: nobody asks for more than that.
    let disconnected = format!("pilotlight_errors_total{{{labels},kind=\"disconnected\"}}");
    assert_eq!(value(&text, &disconnected), Some(0.0));
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
