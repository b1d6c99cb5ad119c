use pilotlight_telemetry::{CanaryMetrics, CanaryState, Collected, Metrics};
use pilotlight_testing::telemetry::{self, OPEN_METRICS, full};
use proptest::prelude::*;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn content_type(accept: &str) -> &'static str {
    Metrics::new("1").render(accept).0
}

#[test]
fn who_asks_for_nothing_gets_the_text() {
    for accept in ["", "*/*", "text/plain", "application/json", ";;q=,", "text/html;q=0.9"] {
        assert_eq!(content_type(accept), TEXT, "{accept}");
    }
}

#[test]
fn prometheus_gets_open_metrics() {
    let prometheus = "application/openmetrics-text;version=1.0.0,\
        application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(content_type(prometheus), open);
    assert_eq!(content_type("Application/OpenMetrics-Text"), open);
}

#[test]
fn what_is_liked_better_is_given() {
    let text_first = "application/openmetrics-text;version=1.0.0;q=0.4,text/plain;q=0.5";
    assert_eq!(content_type(text_first), TEXT);
    assert_eq!(content_type("application/openmetrics-text;version=1.0.0;q=0"), TEXT);
    assert_eq!(content_type("application/openmetrics-text;version=2.0.0"), TEXT);
}

#[test]
fn both_formats_hold_the_same_samples() {
    let (metrics, _handle) = full();
    let text = metrics.render("text/plain").1;
    let open = metrics.render(OPEN_METRICS).1;
    let series = |text: &str| -> Vec<String> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(series(&text), series(&open));
}

#[test]
fn open_metrics_names_families_without_total_and_ends() {
    let (metrics, _handle) = full();
    let text = metrics.render("text/plain").1;
    let open = metrics.render(OPEN_METRICS).1;
    assert!(text.contains("# TYPE pilotlight_requests_total counter\n"));
    assert!(open.contains("# TYPE pilotlight_requests counter\n"));
    assert!(open.contains("# UNIT pilotlight_request_duration_seconds seconds\n"));
    assert!(open.ends_with("# EOF\n"));
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
}

#[test]
fn a_family_is_named_once_and_its_unit_ends_its_name() {
    let (metrics, _handle) = full();
    let open = metrics.render(OPEN_METRICS).1;
    let mut names = telemetry::names(&open);
    for line in open.lines().filter_map(|line| line.strip_prefix("# UNIT ")) {
        let (name, unit) = line.split_once(' ').unwrap();
        assert!(name.ends_with(&format!("_{unit}")), "{line}");
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// Reads a label's value the way scrapers do.
fn unescape(value: &str) -> String {
    let mut characters = value.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                other => other,
            },
            other => other,
        });
    }
    text
}

proptest! {
    #[test]
    fn a_label_comes_back_as_it_was(route in "\\PC{1,20}|[\\\\\"\n{},=]{1,20}") {
        let metrics = Metrics::new("1");
        let name = route.clone();
        metrics.add_collector(move || {
            let state = CanaryState::Running;
            let canaries = vec![CanaryMetrics { route: name.clone(), share: 0.5, state }];
            Collected { canaries, ..Collected::default() }
        });
        let text = metrics.render("").1;
        let head = "pilotlight_canary_share_ratio{route=\"";
        let rest = text.lines().find_map(|line| line.strip_prefix(head)).unwrap();
        prop_assert_eq!(unescape(rest.strip_suffix("\"} 0.5").unwrap()), route);
    }
}
