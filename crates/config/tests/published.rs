//! The published schema and the sample say what the program does.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;

use pilotlight_config::{Config, Sources, check, parse, schema};
use serde_json::Value;

fn published(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

fn sources(flags: &[String]) -> Sources {
    let name = "docs/pilotlight.toml".to_owned();
    Sources { name, flags: flags.to_vec(), ..Sources::default() }
}

#[test]
fn the_published_schema_is_that_of_the_program() {
    let published: Value = serde_json::from_str(&published("pilotlight.schema.json")).unwrap();
    let current: Value = serde_json::from_str(&schema()).unwrap();
    let how = "cargo run -p pilotlight-config --example schema > docs/pilotlight.schema.json";
    assert!(published == current, "out of date: {how}");
}

#[test]
fn the_sample_has_no_errors_in_any_environment() {
    check(&published("pilotlight.toml"), &sources(&[])).unwrap();
}

#[test]
fn what_the_sample_shows_as_a_default_is_the_default() {
    let text = published("pilotlight.toml");
    let config = Config::parse(&text, &sources(&[])).unwrap();
    let mut said = config.clone();
    let function = said.functions.get_mut("ner").unwrap();
    assert_eq!(function.pool, config.functions["ner-next"].pool);
    assert_eq!(function.limits, config.functions["ner-next"].limits);
    assert_eq!(function.host, config.functions["ner-next"].host);
    assert_eq!(function.sessions, config.functions["ner-next"].sessions);
    said.functions.clear();
    said.routes.clear();
    said.auth.clear();
    said.deidentify.clear();
    assert_eq!(said, Config::default());
}

#[test]
fn what_the_sample_shows_commented_out_is_valid() {
    let text = published("pilotlight.toml");
    let mut shown = 0;
    let uncomment = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.contains(" = ") || rest.starts_with('[') => {
            shown += 1;
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    let text: Vec<String> = text.lines().map(uncomment).collect();
    let parsed = parse(&text.join("\n"), &sources(&[])).unwrap_or_else(|e| panic!("{e}"));
    assert!(shown >= 11, "{shown}");
    assert_eq!(parsed.config.functions["ner"].graphs.len(), 1);
}

#[test]
fn a_configuration_is_read_as_it_is_written() {
    let config = Config::parse(&published("pilotlight.toml"), &sources(&[])).unwrap();
    let written = serde_json::to_value(&config).unwrap();
    assert_eq!(serde_json::from_value::<Config>(written).unwrap(), config);
}

#[test]
fn the_sample_shows_every_key() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let sample = published("pilotlight.toml");
    let mut keys = 0;
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let properties = definition["properties"].as_object();
        for key in properties.into_iter().flatten().map(|(key, _)| key) {
            keys += 1;
            let shown = [format!("{key} ="), format!("{key}]"), format!("{key}.")];
            let found = shown.iter().any(|shown| sample.contains(shown));
            assert!(found, "{name}: {key}");
        }
    }
    assert!(keys > 40);
}
