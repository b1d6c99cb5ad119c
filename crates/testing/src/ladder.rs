//! Checks a crate's module order: modules use only modules below them (docs/architecture.md).
//! Used by the test `ladder` of each crate.

mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use paths::{Exports, uses};

/// Modules in rows; a row uses only rows before it. A module is its path below `src`, such as
/// `otlp/queue`. Files belong to the longest module that their path starts with.
pub type Order = [&'static [&'static str]];

/// Compares every path to another module in the files of the library `package/src` with `order`.
///
/// # Panics
/// With all paths that break the order, and all files that have no place in it.
pub fn check(package: &str, order: &Order) {
    assert_none(&violations(&Path::new(package).join("src"), "lib.rs", order));
}

/// As [`check`], for the program whose `main.rs` is in the folder `source` of `package`.
///
/// # Panics
/// As [`check`] does.
pub fn check_program(package: &str, source: &str, order: &Order) {
    assert_none(&violations(&Path::new(package).join(source), "main.rs", order));
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// What breaks the order, a sentence each.
fn violations(source: &Path, root: &str, order: &Order) -> Vec<String> {
    let exports = Exports::read(&source.join(root));
    let mut broken = Vec::new();
    let files = files(source);
    assert!(!files.is_empty(), "no files in {}", source.display());
    for (file, path) in files {
        let Some((module, row)) = place(order, &file) else {
            broken.push(format!("{file} is not in the order; give it a place"));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for used in uses(&text, &file, &exports) {
            match place(order, &used) {
                None => broken.push(format!("{file} uses {used}, which is not in the order")),
                Some((other, below)) if other != module && below >= row => {
                    broken.push(format!("{file} uses {used}: {other} is not below {module}"));
                }
                Some(_) => {}
            }
        }
    }
    for module in order.iter().copied().flatten() {
        let path = source.join(module);
        if !path.is_dir() && !path.with_extension("rs").is_file() {
            broken.push(format!("there is no module {module}"));
        }
    }
    broken
}

/// The modules of a library or a program and their files, without the root. The programs of a library have an
/// order of their own.
fn files(source: &Path) -> Vec<(String, PathBuf)> {
    let (mut found, mut folders) = (Vec::new(), vec![source.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(source).unwrap().with_extension("");
            let file = file.to_str().unwrap().trim_end_matches("/mod").to_owned();
            let is_rust = path.extension() == Some("rs".as_ref());
            if is_rust && file != "lib" && file != "main" && !file.starts_with("bin/") {
                found.push((file, path));
            }
        }
    }
    found.sort();
    found
}

/// The module that `path` belongs to, and its row.
fn place(order: &Order, path: &str) -> Option<(&'static str, usize)> {
    let rows = order.iter().enumerate();
    let modules = rows.flat_map(|(row, modules)| modules.iter().map(move |module| (*module, row)));
    let belongs = |module: &str| {
        path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    modules.filter(|(module, _)| belongs(module)).max_by_key(|(module, _)| module.len())
}

#[cfg(test)]
mod tests;
