//! Kinds of errors in metrics: what nothing can be counted as is not in the catalogue, so that no
//! alert waits for it.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;

use pilotlight_telemetry::ErrorKind;

/// The lines of code below `folder`.
fn code(folder: &Path) -> String {
    let mut code = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            code += &self::code(&path);
        } else if path.extension() == Some("rs".as_ref()) {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            code.extend(lines.flat_map(|line| [line, "\n"]));
        }
    }
    code
}

/// Where kinds of failures become kinds of errors.
fn conversion(code: &str) -> &str {
    let (_, rest) = code.split_once("impl From<FailureKind> for ErrorKind {").unwrap();
    rest.split("\n}").next().unwrap()
}

#[test]
fn every_kind_of_error_is_counted_somewhere() {
    let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let conversion = conversion(&code);
    let names = |text: &str, name: &str| {
        let mut after = text.split(name).skip(1);
        after.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    for kind in ErrorKind::ALL {
        let counted = names(&code, &format!("ErrorKind::{kind:?}"))
            || names(conversion, &format!("=> Self::{kind:?}"));
        assert!(counted, "nothing is counted as {kind:?}; remove it, and alerts on it");
    }
}
