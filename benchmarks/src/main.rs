//! `pilotlight-benchmarks`: comparisons with peers, simulations, instruction counts and the soak test, run by `cargo xtask`.

use std::process::ExitCode;

mod collector;
mod compare;
mod fleet;
mod http;
mod instructions;
mod queueing;
mod second_version;
mod soak;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

  compare [TOPIC] [--quick]  measure Pilotlight and its peers
  instructions [--save]      count instructions and compare them with the baseline
  soak [--minutes N]         load, faults, swaps, reloads and slow clients at the same time
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match &*command {
        "compare" => compare::run(&rest),
        "soak" => soak::run(&rest),
        "instructions" => instructions::run(&rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
