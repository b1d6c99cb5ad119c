//! Carries the guest component that `PILOTLIGHT_GUEST` names, if it names one.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PILOTLIGHT_GUEST");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let guest = env::var_os("PILOTLIGHT_GUEST").filter(|path| !path.is_empty());
    let embedded = match &guest {
        Some(path) => {
            println!("cargo:rerun-if-changed={}", Path::new(path).display());
            format!("Some(include_bytes!({path:?}))")
        }
        None => "None".to_owned(),
    };
    let code = format!("const EMBEDDED: Option<&[u8]> = {embedded};\n");
    if let Err(error) = fs::write(out.join("guest.rs"), code) {
        println!("cargo::error=cannot write guest.rs: {error}");
    }
}
