//! `pilotlight`: builds, serves and inspects inference functions.

use std::process::ExitCode;

fn main() -> ExitCode {
    pilotlight::commands::pilotlight()
}
