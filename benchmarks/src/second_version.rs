use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use xtask::build::binary;
use xtask::cargo::{execute, root};

/// Builds the default model under another name in `folder`: a second version that costs the same.
///
/// # Errors
/// If a file cannot be copied or the build fails.
pub(crate) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let (model, file) = (copy_model(folder)?, folder.join("other.wasm"));
    let manifest = model.join("model.toml");
    let renamed = fs::read_to_string(&manifest)?.replacen("pii-ner", "pii-ner-again", 1);
    fs::write(manifest, renamed)?;
    execute(Command::new(binary()).arg("build").arg(model).arg("-o").arg(&file))?;
    Ok(file)
}

/// Builds the default model for the host in `folder`, with a graph whose file differs from those of other numbers: nothing
/// that a cache has of one is of use for another.
///
/// # Errors
/// If a file cannot be copied or the build fails.
pub(crate) fn build_on_host(folder: &Path, number: usize) -> anyhow::Result<PathBuf> {
    /// `ModelProto.doc_string` of `onnx.proto`, field 6 of type string. The last one in a file counts.
    const COMMENT: u8 = (6 << 3) | 2;
    let folder = folder.join(number.to_string());
    let (model, file) = (copy_model(&folder)?, folder.join("bundle.wasm"));
    let comment = format!("copy {number}");
    let mut graph = fs::read(model.join("model.onnx"))?;
    graph.extend([COMMENT, comment.len() as u8]);
    graph.extend(comment.as_bytes());
    fs::write(model.join("model.onnx"), graph)?;
    // Without the digests of the files, which are not those of the copy.
    let manifest = fs::read_to_string(model.join("model.toml"))?;
    let (manifest, _) = manifest.split_once("[files]").context("model.toml has no [files]")?;
    fs::write(model.join("model.toml"), manifest)?;
    let mut build = Command::new(binary());
    build.arg("build").arg(model).arg("-o").arg(&file);
    build.args(["--compute", "host", "--backend", "native", "--precision", "int4"]);
    execute(&mut build)?;
    Ok(file)
}

/// Copies the default model into `folder`; returns the copy.
fn copy_model(folder: &Path) -> anyhow::Result<PathBuf> {
    let model = folder.join("model");
    fs::create_dir_all(&model)?;
    for entry in fs::read_dir(root().join("models/pii-ner"))? {
        let entry = entry?;
        fs::copy(entry.path(), model.join(entry.file_name()))?;
    }
    Ok(model)
}
