//! Carries the guest components that `PILOTLIGHT_GUEST` and `PILOTLIGHT_HOST_GUEST` name, if they
//! name any, and their digests.

use std::path::{Path, PathBuf};
use std::{env, fs};

use pilotlight_model::Digest;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let (Some(guest), Some(host)) =
        (embedded("PILOTLIGHT_GUEST"), embedded("PILOTLIGHT_HOST_GUEST"))
    else {
        return;
    };
    let code = format!(
        "const IN_GUEST: Option<(&[u8], &str)> = {guest};\n\
         const ON_HOST: Option<(&[u8], &str)> = {host};\n"
    );
    if let Err(error) = fs::write(out.join("guest.rs"), code) {
        println!("cargo::error=cannot write guest.rs: {error}");
    }
}

/// The guest that `variable` names, as a Rust expression; `None` if it cannot be read.
fn embedded(variable: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={variable}");
    let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) else {
        return Some("None".to_owned());
    };
    println!("cargo:rerun-if-changed={}", Path::new(&path).display());
    match fs::read(&path) {
        Ok(guest) => Some(format!("Some((include_bytes!({path:?}), \"{}\"))", Digest::of(&guest))),
        Err(error) => {
            println!("cargo::error=cannot read the guest {path:?}: {error}");
            None
        }
    }
}
