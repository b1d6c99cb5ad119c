//! Which files are taken for the library of ONNX Runtime.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use pilotlight_inference::{Error, OnnxRuntime, OnnxRuntimeOptions};

fn unavailable(options: OnnxRuntimeOptions) -> String {
    match OnnxRuntime::new(options) {
        Err(Error::Unavailable(reason)) => {
            assert!(!reason.contains('\n'), "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_library_that_is_none_is_refused_in_a_sentence() {
    let named = |library: &Path| {
        unavailable(OnnxRuntimeOptions {
            library: Some(library.to_owned()),
            ..OnnxRuntimeOptions::default()
        })
    };
    let absent = named(Path::new("/nowhere/libonnxruntime.so"));
    assert!(absent.contains("not found") && absent.contains("/nowhere"), "{absent}");
    let folder = tempfile::tempdir().unwrap();
    assert!(named(folder.path()).contains("not found"));
    let text = folder.path().join("libonnxruntime.so");
    std::fs::write(&text, "not a library").unwrap();
    let reason = named(&text);
    assert!(reason.contains("cannot be loaded"), "{reason}");
    if let Some(other) = another_library() {
        let reason = named(&other);
        assert!(reason.contains("is not ONNX Runtime"), "{reason}");
    }
}

/// A library with the interface of ONNX Runtime 1.16, and no newer one.
const OLD_LIBRARY: &str = r#"
#[repr(C)]
pub struct Base(extern "C" fn(u32) -> *const u8, extern "C" fn() -> *const u8);
extern "C" fn interface(number: u32) -> *const u8 {
    if number <= 16 { b"interface".as_ptr() } else { std::ptr::null() }
}
extern "C" fn version() -> *const u8 { b"1.16.3\0".as_ptr() }
static BASE: Base = Base(interface, version);
#[unsafe(no_mangle)]
pub extern "C" fn OrtGetApiBase() -> *const Base { &BASE }
"#;

#[test]
fn a_library_that_is_too_old_is_refused_by_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("old.rs"), folder.path().join("libonnxruntime.so"));
    std::fs::write(&source, OLD_LIBRARY).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]);
    assert!(rustc.arg(&library).arg(&source).status().unwrap().success());
    let reason =
        unavailable(OnnxRuntimeOptions { library: Some(library), ..OnnxRuntimeOptions::default() });
    let expected = "is ONNX Runtime 1.16.3, which is too old; 1.17 or newer is required";
    assert!(reason.ends_with(expected), "{reason}");
}

/// A shared library that this process uses.
fn another_library() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let mut files = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    files.find(|file| file.contains("/libc.so") || file.contains("/libc-")).map(PathBuf::from)
}
