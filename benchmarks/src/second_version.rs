use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::build::binary;
use xtask::cargo::{execute, root};

/// Builds the default model under another name in `folder`: a second version that costs the same.
///
/// # Errors
/// If a file cannot be copied or the build fails.
pub(crate) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let (model, file) = (folder.join("model"), folder.join("other.wasm"));
    fs::create_dir_all(&model)?;
    for entry in fs::read_dir(root().join("models/pii-ner"))? {
        let entry = entry?;
        fs::copy(entry.path(), model.join(entry.file_name()))?;
    }
    let manifest = model.join("model.toml");
    let renamed = fs::read_to_string(&manifest)?.replacen("pii-ner", "pii-ner-again", 1);
    fs::write(manifest, renamed)?;
    execute(Command::new(binary()).arg("build").arg(model).arg("-o").arg(&file))?;
    Ok(file)
}
