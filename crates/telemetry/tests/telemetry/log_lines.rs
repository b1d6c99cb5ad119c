use std::io::Write;
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use pilotlight_telemetry::{RequestTrace, Sampler, json_lines, request_span};
use proptest::prelude::*;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

/// A writer that keeps what is written, each write by itself.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<Vec<u8>>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written while `run` runs: each line in one piece, so that processes may share a file.
fn lines(run: impl FnOnce()) -> Vec<Value> {
    let written = Written::default();
    let to = written.clone();
    let log = tracing_subscriber::registry().with(json_lines(move || to.clone()));
    tracing::subscriber::with_default(log, run);
    let written = written.0.lock().unwrap();
    let parse = |line: &Vec<u8>| {
        let (end, line) = line.split_last().unwrap();
        assert_eq!(*end, b'\n');
        assert!(!line.contains(&b'\n'));
        serde_json::from_slice(line).unwrap()
    };
    written.iter().map(parse).collect()
}

#[test]
fn a_line_says_when_how_grave_where_and_what() {
    let lines = lines(|| tracing::warn!(target: "pilotlight::pool", count = 3, "no instance"));
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.as_bytes()[10] == b'T', "{timestamp}");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "pilotlight::pool");
    assert_eq!(line["message"], "no instance");
    assert_eq!(line["count"], 3);
}

#[test]
fn a_line_names_the_request_that_it_is_about() {
    let trace = RequestTrace::begin(&HeaderMap::new(), Sampler::NEVER);
    let lines = lines(|| {
        let span = request_span(&trace, "r-1");
        span.in_scope(|| tracing::info!("before it is known whom it is for"));
        span.record("function", "pii");
        span.record("version", "0123456789ab");
        span.in_scope(|| tracing::error!("no answer"));
        tracing::info!("outside");
    });
    assert_eq!(lines[0]["request_id"], "r-1");
    assert_eq!(lines[0].get("function"), None);
    assert_eq!(lines[1]["trace_id"], trace.own.trace.to_string());
    assert_eq!(lines[1]["span_id"], trace.own.span.to_string());
    assert_eq!(
        (&lines[1]["function"], &lines[1]["version"]),
        (&json!("pii"), &json!("0123456789ab"))
    );
    assert_eq!(lines[2].get("request_id"), None);
}

#[test]
fn the_innermost_counts_where_several_have_a_field() {
    let lines = lines(|| {
        let _outer = tracing::info_span!("outer", function = "a", route = "x").entered();
        let _inner = tracing::info_span!("inner", function = "b").entered();
        tracing::info!(route = "y", "there");
    });
    assert_eq!((&lines[0]["function"], &lines[0]["route"]), (&json!("b"), &json!("y")));
}

#[test]
fn no_field_takes_the_place_of_the_lines_own() {
    let lines = lines(|| {
        tracing::info!(level = "none", timestamp = 1, r#type = true, "the message");
    });
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["field.level"], "none");
    assert_eq!(lines[0]["field.timestamp"], 1);
    assert_eq!(lines[0]["type"], true);
    assert!(lines[0]["timestamp"].is_string());
}

#[test]
fn values_keep_their_types() {
    let lines = lines(|| {
        let error = std::io::Error::other("broken");
        let error: &dyn std::error::Error = &error;
        tracing::info!(error, ratio = 0.5, none = f64::NAN, low = -1, list = ?[1, 2]);
    });
    let line = &lines[0];
    assert_eq!((&line["error"], &line["ratio"]), (&json!("broken"), &json!(0.5)));
    assert_eq!((&line["none"], &line["low"]), (&Value::Null, &json!(-1)));
    assert_eq!((&line["list"], &line["message"]), (&json!("[1, 2]"), &json!("")));
}

proptest! {
    #[test]
    fn any_text_comes_back_as_it_was(text in any::<String>()) {
        let lines = lines(|| tracing::info!(text, "{text}"));
        prop_assert_eq!(&lines[0]["text"], &json!(text));
        prop_assert_eq!(&lines[0]["message"], &json!(text));
    }
}
