use std::fs;

use tempfile::TempDir;

use super::Order;

/// A package with these files in `src`, and an empty root.
fn package(files: &[(&str, &str)]) -> TempDir {
    let package = tempfile::tempdir().unwrap();
    for (file, text) in [("lib.rs", "pub use low::Low;")].iter().chain(files) {
        let path = package.path().join("src").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    package
}

/// What breaks the order in a library.
fn violations(package: &std::path::Path, order: &Order) -> Vec<String> {
    super::violations(&package.join("src"), "lib.rs", order)
}

/// What breaks the order `low`, `middle/part`, `middle`, `high` when `file` has this text.
fn broken(file: &str, text: &str) -> Vec<String> {
    let mut files = vec![
        ("low.rs", "pub struct Low;"),
        ("middle/mod.rs", "mod part; pub use part::Part;"),
        ("middle/part.rs", "//! See crate::high."),
        ("high.rs", ""),
    ];
    files.push((file, text));
    violations(package(&files).path(), &[&["low"], &["middle/part"], &["middle"], &["high"]])
}

#[test]
fn modules_use_what_is_below_them() {
    let text = "use crate::{Low, low, middle::{self, Part}};\nfn f() { super::middle::part::g() }";
    assert!(broken("high.rs", text).is_empty());
    assert!(broken("middle/mod.rs", "mod part;\nfn f() { part::g() }").is_empty());
    assert!(broken("middle/part.rs", "use super::super::low::Low;").is_empty());
    assert!(broken("low.rs", "mod tests { use super::*; use super::f; }").is_empty());
}

#[test]
fn where_something_is_visible_is_not_used() {
    let text = "pub(in crate::high) struct Low(pub(in super::high) u8);";
    assert!(broken("low.rs", text).is_empty());
}

#[test]
fn programs_have_an_order_of_their_own() {
    let package = package(&[
        ("low.rs", "pub struct Low;"),
        ("bin/program/main.rs", "mod low; mod high; use high::High;"),
        ("bin/program/low.rs", "use crate::high::High;"),
        ("bin/program/high.rs", "use crate::low::Low;"),
    ]);
    assert!(violations(package.path(), &[&["low"]]).is_empty());
    let program = package.path().join("src/bin/program");
    let broken = |order: &Order| super::violations(&program, "main.rs", order);
    assert_eq!(broken(&[&["low"], &["high"]]), ["low uses high/High: high is not below low"]);
    assert_eq!(broken(&[&["high"], &["low"]]), ["high uses low/Low: low is not below high"]);
}

#[test]
fn every_way_to_write_a_path_upward_is_found() {
    for (file, text) in [
        ("low.rs", "use crate::high::High;"),
        ("low.rs", "use crate::{low, high};"),
        ("low.rs", "use super::high;"),
        ("low.rs", "fn f(x: u8) { match x { _ => drop(crate::high::g()) } }"),
        ("low.rs", "mod inner { fn f(x: super::super::high::High) {} }"),
        ("low.rs", "pub(crate) use crate::high::High;"),
        ("middle/part.rs", "use super::f;"),
        ("middle/part.rs", "use super::super::high;"),
        ("middle/mod.rs", "pub use super::high::*;"),
    ] {
        let broken = broken(file, text);
        assert!(broken.len() == 1 && broken[0].contains("is not below"), "{text}: {broken:?}");
    }
}

#[test]
fn what_one_module_exports_for_another_counts_as_that_module() {
    let files = [("low.rs", "use crate::Low;"), ("high.rs", "use super::Low;")];
    assert!(violations(package(&files).path(), &[&["low"], &["high"]]).is_empty());
    let same_name = [("lib.rs", "mod low; mod high; pub use high::low;"), files[1], ("low.rs", "")];
    assert!(violations(package(&same_name).path(), &[&["low"], &["high"]]).is_empty());
    let found = violations(package(&files).path(), &[&["high"], &["low"]]);
    assert_eq!(found, ["high uses low: low is not below high"]);
}

#[test]
fn files_without_a_place_and_places_without_a_file_are_found() {
    let found =
        violations(package(&[("low.rs", ""), ("new.rs", "")]).path(), &[&["low"], &["old"]]);
    assert_eq!(found, ["new is not in the order; give it a place", "there is no module old"]);
}
