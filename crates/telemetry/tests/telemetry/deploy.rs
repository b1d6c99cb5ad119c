//! `deploy/`: what the dashboard and the alerts ask for is there, and they are what they claim.

use std::collections::BTreeSet;
use std::process::Command;

use pilotlight_testing::paths::deploy;
use pilotlight_testing::programs::{PROMTOOL, succeed};
use pilotlight_testing::telemetry::{self, full};
use serde_json::Value;

/// Suffixes of the samples of a histogram.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Every text under a key of that name.
fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    match value {
        Value::Object(map) => {
            let own = map.get(key).and_then(Value::as_str);
            own.into_iter().chain(map.values().flat_map(|value| texts(value, key))).collect()
        }
        Value::Array(list) => list.iter().flat_map(|value| texts(value, key)).collect(),
        _ => Vec::new(),
    }
}

fn dashboard() -> Value {
    let text = std::fs::read_to_string(deploy("grafana/pilotlight.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The words of `text` that are names of metrics of ours.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("pilotlight_") || word.starts_with("process_")).collect()
}

/// Those that are not rendered.
fn missing(asked_for: BTreeSet<&str>) -> Vec<&str> {
    let (metrics, _handle) = full();
    let text = metrics.render("").1;
    let there: BTreeSet<_> = telemetry::names(&text).into_iter().collect();
    let is_there = |name: &str| {
        let part = PARTS.iter().find_map(|part| name.strip_suffix(part));
        let histogram = |name| text.contains(&format!("# TYPE {name} histogram\n"));
        there.contains(name) || part.is_some_and(histogram)
    };
    asked_for.into_iter().filter(|name| !is_there(name)).collect()
}

#[test]
fn every_metric_of_the_dashboard_exists() {
    let dashboard = dashboard();
    let queries = [texts(&dashboard, "expr"), texts(&dashboard, "query")].concat();
    assert!(queries.len() > 30);
    let asked_for: BTreeSet<_> = queries.into_iter().flat_map(metrics_in).collect();
    assert!(asked_for.len() > 20);
    assert_eq!(missing(asked_for), [""; 0]);
}

#[test]
fn every_metric_of_the_alerts_exists() {
    for file in ["prometheus/alerts.yml", "prometheus/alerts.test.yml"] {
        let text = std::fs::read_to_string(deploy(file)).unwrap();
        let asked_for = metrics_in(&text);
        assert!(asked_for.len() > 10);
        assert_eq!(missing(asked_for), [""; 0], "{file}");
    }
}

#[test]
fn every_metric_of_the_autoscalers_exists() {
    for file in [
        "helm/pilotlight/templates/horizontalpodautoscaler.yaml",
        "helm/pilotlight/templates/scaledobject.yaml",
        "kubernetes/components/hpa/horizontalpodautoscaler.yaml",
        "kubernetes/components/keda/scaledobject.yaml",
    ] {
        let text = std::fs::read_to_string(deploy(file)).unwrap();
        let asked_for = metrics_in(&text);
        assert_eq!(asked_for.len(), 1, "{file}");
        assert_eq!(missing(asked_for), [""; 0], "{file}");
    }
}

/// The values that `text` compares a label with.
fn values_of<'a>(text: &'a str, label: &str) -> Vec<&'a str> {
    let comparisons = text.split(label).skip(1).filter_map(|rest| {
        let rest = ["=~\"", "!=\"", "=\""].iter().find_map(|sign| rest.strip_prefix(sign))?;
        rest.split('"').next()
    });
    comparisons.flat_map(|values| values.split('|')).collect()
}

#[test]
fn every_value_that_alerts_and_dashboard_look_for_exists() {
    let (metrics, _handle) = full();
    let text = metrics.render("").1;
    let alerts = std::fs::read_to_string(deploy("prometheus/alerts.yml")).unwrap();
    let dashboard = dashboard();
    let queries = texts(&dashboard, "expr").join("\n");
    let mut found = 0;
    for label in ["kind", "outcome", "state", "stage", "way", "cause", "signal"] {
        for value in [values_of(&alerts, label), values_of(&queries, label)].concat() {
            assert!(text.contains(&format!("{label}=\"{value}\"")), "{label}={value}");
            found += 1;
        }
    }
    assert!(found > 10);
}

#[test]
fn every_alert_has_a_test() {
    let read = |file| std::fs::read_to_string(deploy(file)).unwrap();
    let names = |text: &str, key: &str| -> BTreeSet<String> {
        let lines = text.lines().map(str::trim);
        lines.filter_map(|line| line.strip_prefix(key)).map(str::to_owned).collect()
    };
    let alerts = names(&read("prometheus/alerts.yml"), "- alert: ");
    let tested = names(&read("prometheus/alerts.test.yml"), "alertname: ");
    assert!(!alerts.is_empty());
    assert_eq!(alerts, tested);
}

#[test]
fn the_panels_of_the_dashboard_do_not_overlap() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let of = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (x, y) = (of("x"), of("y"));
        assert!(x + of("w") <= 24 && ids.insert(panel["id"].as_u64()), "{}", panel["title"]);
        for place in (x..x + of("w")).flat_map(|x| (y..y + of("h")).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} lies on another", panel["title"]);
        }
    }
}

/// What Grafana puts in the place of its variables.
fn filled_in(query: &str) -> String {
    query.replace("$__rate_interval", "5m").replace("$", "")
}

#[test]
fn every_query_of_the_dashboard_is_one() {
    let Some(promtool) = PROMTOOL.find() else { return };
    let dashboard = dashboard();
    let queries = texts(&dashboard, "expr").into_iter().enumerate();
    let rules: Vec<_> = queries
        .map(|(number, query)| {
            serde_json::json!({"record": format!("query:{number}"), "expr": filled_in(query)})
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries.yml");
    // JSON is YAML.
    let group = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    std::fs::write(&file, group.to_string()).unwrap();
    succeed(Command::new(promtool).args(["check", "rules"]).arg(&file));
}

#[test]
fn the_alerts_are_valid_and_keep_what_their_tests_promise() {
    let Some(promtool) = PROMTOOL.find() else { return };
    let folder = deploy("prometheus");
    for (verb, file) in [("check", "alerts.yml"), ("test", "alerts.test.yml")] {
        succeed(Command::new(&promtool).args([verb, "rules", file]).current_dir(&folder));
    }
}
