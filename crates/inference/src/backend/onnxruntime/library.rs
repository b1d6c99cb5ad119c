//! Finds the shared library and makes sure of what it is, before `ort` panics over it.

use std::ffi::{CStr, OsStr, c_char};
use std::fmt;
use std::path::{Path, PathBuf};

use libloading::{Library, Symbol};
use ort::sys::{ORT_API_VERSION, OrtApiBase};

use crate::error::{Error, Result};

/// Says where the shared library is when nothing else does.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// A shared library that speaks our version of the interface.
pub(super) struct Probed {
    pub(super) path: PathBuf,
    pub(super) version: String,
    /// Keeps it mapped until `ort` has opened it, too.
    _library: Library,
}

/// Opens `named`, or what [`VARIABLE`] names, or what lies beside the program, or what the
/// system's loader finds.
pub(super) fn probe(named: Option<&Path>) -> Result<Probed> {
    if let Some(path) = named {
        return probe_named(path, "the configuration");
    }
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return probe_named(Path::new(&path), VARIABLE);
    }
    let folders = folders();
    if let Some(file) = folders.iter().find_map(|folder| find_in(folder)) {
        return probe_file(&file);
    }
    let name = file_name();
    // SAFETY: what the system's loader finds under this name is ONNX Runtime, whose
    // initializers have no requirements.
    let Ok(library) = (unsafe { Library::new(&name) }) else {
        return Err(Error::Unavailable(absent(&folders)));
    };
    check(library, PathBuf::from(name))
}

/// The name of the file without a version.
fn file_name() -> String {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    format!("{prefix}onnxruntime{suffix}")
}

/// Where programs keep their libraries.
fn folders() -> Vec<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.parent().unwrap_or(Path::new(""));
    vec![beside.to_owned(), beside.join("lib")]
}

/// The library in `folder`: without a version in its name, else the first by name.
fn find_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(file_name());
    if plain.is_file() {
        return Some(plain);
    }
    let versioned = |name: &OsStr| {
        let name = name.to_string_lossy();
        let stem = format!("{}onnxruntime.", std::env::consts::DLL_PREFIX);
        name.starts_with(&stem) && name.contains(std::env::consts::DLL_SUFFIX)
    };
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let found = entries.filter(|entry| versioned(&entry.file_name())).map(|entry| entry.path());
    found.filter(|path| path.is_file()).min()
}

fn absent(folders: &[PathBuf]) -> String {
    let beside: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    format!(
        "ONNX Runtime was not found: {} is neither in {} nor in the system's library path; set \
         {VARIABLE} to its path (PyPI's package onnxruntime contains it in onnxruntime/capi), or \
         in a checkout run `cargo xtask runtime`",
        file_name(),
        beside.join(" nor in "),
    )
}

/// Opens the file `path`, or the library in the folder `path`.
fn probe_named(path: &Path, origin: &str) -> Result<Probed> {
    let found = if path.is_dir() { find_in(path) } else { Some(path.to_owned()) };
    // Opening a pipe would wait for its other end.
    match found.filter(|file| file.is_file()) {
        Some(file) => probe_file(&file),
        None => {
            let (path, name) = (path.display(), file_name());
            let message = format!(
                "ONNX Runtime was not found: {origin} names {path}, which is neither a file nor a \
                 folder that contains {name}"
            );
            Err(Error::Unavailable(message))
        }
    }
}

fn probe_file(file: &Path) -> Result<Probed> {
    // `ort` would look for a relative path beside the program first.
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    // SAFETY: whoever runs the program named this file, or put it beside the program, as
    // ONNX Runtime, whose initializers have no requirements.
    let library = unsafe { Library::new(&path) }.map_err(|error| {
        let (path, reason) = (path.display().to_string(), loader_message(&error));
        let reason = reason.strip_prefix(&format!("{path}: ")).unwrap_or(&reason);
        Error::Unavailable(format!("{path} cannot be loaded as ONNX Runtime: {reason}"))
    })?;
    check(library, path)
}

/// What the system's loader said: the crate's own message says only that it said something.
fn loader_message(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn check(library: Library, path: PathBuf) -> Result<Probed> {
    let refuse =
        |what: &dyn fmt::Display| Err(Error::Unavailable(format!("{} {what}", path.display())));
    // SAFETY: every release of ONNX Runtime exports the function with this signature, and hardly
    // anything else exports the name.
    let found: std::result::Result<Symbol<unsafe extern "C" fn() -> *const OrtApiBase>, _> =
        unsafe { library.get(b"OrtGetApiBase") };
    let Ok(base) = found else {
        return refuse(&"is not ONNX Runtime: it lacks OrtGetApiBase");
    };
    // SAFETY: the function takes nothing; what it returns is static, or null.
    let Some(base) = (unsafe { base().as_ref() }) else {
        return refuse(&"is not ONNX Runtime: OrtGetApiBase returned nothing");
    };
    // SAFETY: a function of the table, which takes nothing.
    let version = text(unsafe { (base.GetVersionString)() });
    // Asked for an interface that it lacks, the library writes to standard error.
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    // SAFETY: a function of the table; any number may be asked for.
    let speaks = |number| !unsafe { (base.GetApi)(number) }.is_null();
    if minor.is_none_or(|minor| minor < ORT_API_VERSION) || !speaks(ORT_API_VERSION) {
        let needed = format!("1.{ORT_API_VERSION}");
        return refuse(&format_args!(
            "is ONNX Runtime {version}, which is too old; {needed} or newer is required"
        ));
    }
    Ok(Probed { path, version, _library: library })
}

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: versions are static strings that end with a zero.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_found_in_a_folder_whatever_its_version() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find_in(folder.path()), None);
        std::fs::write(folder.path().join("libonnxruntime_providers_shared.so"), "").unwrap();
        assert_eq!(find_in(folder.path()), None, "not a companion of it");
        if cfg!(target_os = "linux") {
            let versioned = folder.path().join("libonnxruntime.so.1.32.0");
            std::fs::write(&versioned, "").unwrap();
            assert_eq!(find_in(folder.path()), Some(versioned));
        }
        let plain = folder.path().join(file_name());
        std::fs::write(&plain, "").unwrap();
        assert_eq!(find_in(folder.path()), Some(plain));
    }

    #[test]
    fn an_absent_library_is_one_sentence_with_a_way_out() {
        let message = absent(&[PathBuf::from("/a"), PathBuf::from("/a/lib")]);
        assert!(
            message.contains("in /a nor in /a/lib nor in the system's library path"),
            "{message}"
        );
        assert!(message.contains("cargo xtask runtime") && !message.contains('\n'), "{message}");
    }
}
