//! `pilotlight-run`: serves functions that `pilotlight` has compiled. It contains no compiler.

use std::process::ExitCode;

fn main() -> ExitCode {
    pilotlight::commands::pilotlight_run()
}
