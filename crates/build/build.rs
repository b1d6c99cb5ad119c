//! Carries the guest components in the folder that `PILOTLIGHT_GUESTS` names, if it names one,
//! deflated, and their digests. The folder may lack some: `cargo xtask serve` builds what it needs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use miniz_oxide::deflate::compress_to_vec;
use pilotlight_model::Digest;

const VARIABLE: &str = "PILOTLIGHT_GUESTS";
/// A constant of `src/guest.rs`, and the file of the guest that it holds.
const GUESTS: [(&str, &str); 4] = [
    ("IN_GUEST", "in-guest.wasm"),
    ("IN_GUEST_P2", "in-guest-p2.wasm"),
    ("IN_GUEST_P2_SIMD128", "in-guest-p2-simd128.wasm"),
    ("ON_HOST", "on-host.wasm"),
];
/// Of miniz: what higher levels save is under a per cent.
const DEFLATE_LEVEL: u8 = 8;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let folder = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Err(error) = guests(folder.as_deref(), &out) {
        println!("cargo::error={error}");
    }
}

/// Writes the guests in `folder`, and the code that includes them, to `out`.
fn guests(folder: Option<&Path>, out: &Path) -> Result<(), String> {
    if let Some(folder) = folder {
        println!("cargo:rerun-if-changed={}", folder.display());
        if !GUESTS.iter().any(|(_, file)| folder.join(file).exists()) {
            return Err(format!("there is no guest in {VARIABLE}={}", folder.display()));
        }
    }
    let mut code = String::new();
    for (name, file) in GUESTS {
        let guest = folder.map(|folder| folder.join(file)).filter(|guest| guest.exists());
        let carried = match guest {
            Some(guest) => carried(&guest, &out.join(file))?,
            None => "None".to_owned(),
        };
        let _ = writeln!(code, "static {name}: Option<Carried> = {carried};");
    }
    fs::write(out.join("guests.rs"), code)
        .map_err(|error| format!("cannot write guests.rs: {error}"))
}

/// Deflates a guest to `out`; a Rust expression for it.
fn carried(guest: &Path, out: &Path) -> Result<String, String> {
    let component = fs::read(guest)
        .map_err(|error| format!("cannot read the guest {}: {error}", guest.display()))?;
    fs::write(out, compress_to_vec(&component, DEFLATE_LEVEL))
        .map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    let digest = Digest::of(&component);
    Ok(format!("Some(Carried {{ deflated: include_bytes!({out:?}), digest: \"{digest}\" }})"))
}
