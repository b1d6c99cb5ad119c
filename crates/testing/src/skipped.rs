use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

/// Names a folder for what all tests of a run share, also those in other processes.
/// `cargo xtask test` sets it.
pub const RUN: &str = "PILOTLIGHT_TEST_RUN";

/// Reports that something is not tested here, and why.
pub fn skipped(reason: impl Display) {
    let line = format!("skipped: {reason}\n");
    // Test runners capture what `eprintln` writes. `cargo test` does not capture this; for
    // `cargo nextest`, which does, `cargo xtask test` shows the file.
    let _ = io::stderr().write_all(line.as_bytes());
    if let Some(run) = std::env::var_os(RUN) {
        let file = std::path::Path::new(&run).join("skipped");
        let file = OpenOptions::new().append(true).create(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
