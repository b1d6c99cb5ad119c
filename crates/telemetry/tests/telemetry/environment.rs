//! OpenTelemetry's environment variables, and what comes before them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use pilotlight_telemetry::{Metrics, Otlp, OtlpEnvironment, OtlpOptions, Secret};
use pilotlight_testing::collector::{
    Collector, Got, METRICS, PATIENCE, TRACES, attributes, recorded, request,
};
use pilotlight_testing::telemetry::answered;

fn environment(variables: &[(&str, &str)]) -> OtlpEnvironment {
    OtlpEnvironment::read(&|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

/// What the collector gets of one request when `options` are followed.
fn got(collector: &Collector, options: &OtlpOptions) -> Got {
    let otlp = Otlp::start(options, &Metrics::new("1")).unwrap();
    otlp.record(&recorded(), request(answered(1)));
    otlp.shutdown(PATIENCE).unwrap();
    collector.next(TRACES)
}

fn resource(got: &Got) -> HashMap<String, String> {
    let traces = got.traces();
    let resource = traces.resource_spans[0].resource.as_ref().unwrap();
    let attributes = attributes(&resource.attributes).into_iter();
    attributes.map(|(key, value)| (key.to_owned(), value)).collect()
}

#[test]
fn the_environment_alone_is_enough_to_export() {
    let collector = Collector::taking();
    let environment = environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            " api-key = first,authorization=Bearer%20a%2Cb%3D , x-team=a=b==,API-KEY=s%C3%BCcret,",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=pro%2Cd,service%2Ename=attribute",
        ),
    ]);
    // A header has no letters beyond ASCII.
    assert_eq!(environment.malformed().len(), 1);
    let environment = self::environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            " api-key = first,authorization=Bearer%20a%2Cb%3D , x-team=a=b==,API-KEY=second,",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=pro%2Cd,service%2Ename=attribute",
        ),
    ]);
    assert_eq!(environment.malformed(), []);
    assert_eq!(environment.service(), Some("attribute"));
    let got = got(&collector, &environment.options().unwrap());
    assert_eq!(got.headers["authorization"], "Bearer a,b=");
    assert_eq!(got.headers["x-team"], "a=b==");
    assert_eq!(got.headers["api-key"], "second");
    let resource = resource(&got);
    assert_eq!(resource["deployment.environment.name"], "pro,d");
    // Whoever starts the export says what the service is called.
    assert_eq!(resource["service.name"], "pilotlight");
}

#[test]
fn the_services_own_variable_comes_before_the_attributes() {
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=attribute");
    let both = environment(&[attributes, ("OTEL_SERVICE_NAME", "own%20name")]);
    assert_eq!(both.service(), Some("own%20name"), "it is taken as it is");
    assert_eq!(environment(&[attributes, ("OTEL_SERVICE_NAME", "")]).service(), Some("attribute"));
    assert_eq!(environment(&[]).service(), None);
}

#[test]
fn nothing_is_exported_where_no_variable_names_a_collector() {
    for variables in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_EXPORTER_OTLP_HEADERS", "a=b"), ("OTEL_SERVICE_NAME", "a")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")],
    ] {
        assert!(environment(variables).options().is_none(), "{variables:?}");
    }
}

#[test]
fn a_signal_has_an_address_and_headers_of_its_own() {
    let (all, traces) = (Collector::taking(), Collector::taking());
    let own = format!("{}/v1/traces", traces.endpoint);
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &own[..]),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "only=traces"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "key=all"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &all.endpoint),
    ];
    let sent = got(&traces, &environment(&variables).options().unwrap());
    assert_eq!(sent.headers["only"], "traces");
    assert!(!sent.headers.contains_key("key"));
    let metrics = all.next(METRICS);
    assert_eq!(metrics.headers["key"], "all");
    assert!(!metrics.headers.contains_key("only"));
    // Without a collector for all, the others go nowhere.
    let options = environment(&variables[..3]).options().unwrap();
    got(&traces, &options);
    assert_eq!(all.left(METRICS), 0);
}

#[test]
fn options_come_before_the_environment() {
    let collector = Collector::taking();
    let environment = environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "key=environment,other=environment"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "key=traces"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=environment,b=environment,service.name=environment"),
    ]);
    let mut options = collector.options();
    options.headers = vec![("key".to_owned(), Secret::new("option"))];
    options.attributes = vec![("a".to_owned(), "option".to_owned())];
    environment.complete(&mut options);
    let sent = got(&collector, &options);
    assert_eq!(sent.headers["key"], "option");
    assert!(!sent.headers.contains_key("other"));
    let resource = resource(&sent);
    assert_eq!([&resource["a"], &resource["b"]], ["option", "environment"]);
    assert_eq!(resource["service.name"], "pilotlight");
    // Where they have no headers, those of the environment are sent.
    let mut options = collector.options();
    environment.complete(&mut options);
    assert_eq!(got(&collector, &options).headers["key"], "traces");
}

#[test]
fn white_space_around_an_address_is_not_part_of_it() {
    let environment = environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", " http://127.0.0.1:4318\n"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", " \t"),
    ]);
    assert_eq!(environment.malformed(), []);
    let options = environment.options().unwrap();
    assert_eq!(options.endpoint, "http://127.0.0.1:4318");
    assert_eq!(options.traces.endpoint, None);
}

#[test]
fn a_malformed_variable_is_ignored_and_named_without_its_value() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "hidden"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hidden,hidden"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "=hidden"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hidden%zz"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hidden%2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hidden%FF"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hidden%0D%0Ab:c"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hidden name=a"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "hidden"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "hidden"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://me:hidden@host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "hidden:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://hidden:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://hidden host:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host/?key=hidden"),
        ("OTEL_RESOURCE_ATTRIBUTES", "hidden"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=hidden%,b=c"),
    ] {
        let environment = environment(&[(variable, value), ("OTEL_SERVICE_NAME", "kept")]);
        let [malformed] = environment.malformed() else { panic!("{value}: {environment:?}") };
        assert_eq!(malformed.variable, variable);
        let told = malformed.to_string();
        assert!(told.starts_with(&format!("the environment variable {variable} is ignored: ")));
        assert!(!format!("{told}{environment:?}").contains("hidden"), "{told}");
        assert_eq!(environment.service(), Some("kept"));
        assert!(environment.options().is_none());
    }
    let environment = OtlpEnvironment::read(&|name| {
        (name == "OTEL_SERVICE_NAME").then(|| OsString::from_vec(vec![0xff]))
    });
    assert_eq!(environment.malformed()[0].reason, "the value is not UTF-8");
}
