//! Tells the crate what packs weights: the digest of the code that brings them into the order of the kernels. Files of
//! weights that other code has packed are not looked for.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use pilotlight_model::Digest;

/// From the folder of the crate. The manifest names the version of tract.
const SOURCES: [&str; 4] =
    ["src/packed_weights.rs", "../kernels/src", "../onnx/src", "../../Cargo.toml"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let Some(folder) = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) else { return };
    match digest(&folder) {
        Ok(digest) => println!("cargo:rustc-env=PILOTLIGHT_PACKED_BY={digest}"),
        Err(error) => println!("cargo::error=the sources of packing cannot be read: {error}"),
    }
}

fn digest(folder: &Path) -> io::Result<Digest> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
        list(&folder.join(source), &mut files)?;
    }
    files.sort();
    let contents = files.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?;
    Ok(Digest::of_parts(contents.iter().map(|content| &content[..])))
}

/// Adds the files at `path`.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    fs::read_dir(path)?.try_for_each(|entry| list(&entry?.path(), files))
}
