use std::path::PathBuf;

use crate::paths::target;
use crate::skipped;

/// Names the folder of model folders, if it is not `target/models`.
const VARIABLE: &str = "PILOTLIGHT_MODELS";

/// A model folder that `cargo xtask models` fetches. `None`, with a message, if it is missing.
///
/// # Panics
/// If it is missing in CI.
pub fn real_model(name: &str) -> Option<PathBuf> {
    let set = std::env::var_os(VARIABLE).map(PathBuf::from);
    let folder = set.unwrap_or_else(|| target().join("models")).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    skipped(format_args!("{name} is not served; `cargo xtask models` fetches it"));
    None
}

/// As [`real_model`], of the model that writes down speech, which only ONNX Runtime computes. `None`, with a message,
/// where its library is not named.
///
/// # Panics
/// In CI, where it has to be there.
pub fn speech_model() -> Option<PathBuf> {
    let folder = real_model("moonshine-tiny-en")?;
    if std::env::var_os("ORT_DYLIB_PATH").is_some() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "CI tests with ONNX Runtime");
    skipped("ORT_DYLIB_PATH is not set; speech is computed by ONNX Runtime");
    None
}
