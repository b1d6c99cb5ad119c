//! The commands of `cargo xtask`, and what `benchmarks` shares with them: paths, builds and the
//! installation of peers.
//!
//! Every first command waits until this crate is built, so it depends on almost nothing.

use std::process::ExitCode;

pub mod build;
pub mod cargo;
pub mod ci;
pub mod models;
pub mod peers;
pub mod runtime;

mod aarch64;
mod benchmarks;
mod clients;
mod image;
mod licenses;
mod output;
mod steps;
mod swap;
mod test;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

  build          build the guest, the host and target/pii-ner.wasm
  serve [ARGS]   build what is missing and serve the default model; ARGS go to `pilotlight serve`
  test           run all checks of CI
  guests         build only the guest and the test guests
  models         fetch real models for tests into target/models
  clients        install other servers' clients for tests into target/clients
  aarch64        test the kernels on emulated AArch64 processors
  image          write OCI images of the program and the default model to target/images
  runtime        put the shared library of ONNX Runtime next to the built program

Benchmarks, which write pages of documentation:

  compare              Pilotlight, wasmtime serve and a Python service: docs/performance.md
  compare host         inference on the host: docs/performance-host.md
  compare sandbox      inference in the sandbox: docs/performance-sandbox.md
  compare pii          personal data, beside Presidio: docs/performance-pii.md
  compare swaps        changes of version under load: docs/performance-swaps.md
  compare reliability  overload, faults, busy neighbors and telemetry: docs/reliability.md
  compare scaling      costs, response times beside queueing theory, simulated fleets: docs/scaling.md
  compare models [DIR [OPTIONS]]  first and later inferences of real models, or of the folder DIR;
                       OPTIONS go to `pilotlight build`: docs/performance-models.md
  compare neighbors    only the section about busy neighbors: target/performance/neighbors.md
  compare bert-base    a model of the size of BERT-base: docs/performance-bert-base.md
  soak [--minutes N]   load, faults, swaps, reloads and slow clients at once: docs/reliability-soak.md
  instructions [--save]  count instructions and compare them with benchmarks/instructions.json

`compare … --quick` only tries the command and writes to target/performance.
";

/// Runs the command that `arguments` name.
pub fn run(arguments: &[String]) -> ExitCode {
    let (command, rest) = match arguments {
        [] => ("", &[][..]),
        [command, rest @ ..] => (&**command, rest),
    };
    let result = match (command, rest.is_empty()) {
        ("build", true) => build::component(),
        ("serve", _) => build::serve(rest),
        ("test", true) => test::run(),
        ("guests", true) => build::guests(),
        ("models", true) => models::run(),
        ("clients", true) => clients::run(),
        ("image", true) => image::run(),
        ("aarch64", true) => aarch64::test(),
        ("runtime", true) => runtime::place(),
        ("compare" | "soak", _) => benchmarks::run(arguments),
        ("instructions", _) => benchmarks::instructions(rest),
        ("help" | "--help" | "-h", _) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
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
