//! Carries the guest component that `PILOTLIGHT_GUEST` names, if it names one, and its digest.

use std::path::{Path, PathBuf};
use std::{env, fs};

use pilotlight_model::Digest;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PILOTLIGHT_GUEST");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let guest = env::var_os("PILOTLIGHT_GUEST").filter(|path| !path.is_empty());
    let embedded = match &guest {
        Some(path) => {
            println!("cargo:rerun-if-changed={}", Path::new(path).display());
            match fs::read(path) {
                Ok(guest) => {
                    format!("Some((include_bytes!({path:?}), \"{}\"))", Digest::of(&guest))
                }
                Err(error) => {
                    println!("cargo::error=cannot read the guest {path:?}: {error}");
                    return;
                }
            }
        }
        None => "None".to_owned(),
    };
    let code = format!("const EMBEDDED: Option<(&[u8], &str)> = {embedded};\n");
    if let Err(error) = fs::write(out.join("guest.rs"), code) {
        println!("cargo::error=cannot write guest.rs: {error}");
    }
}
