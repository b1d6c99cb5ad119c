//! `cargo xtask`: set-up, build, serve and test.

use std::process::ExitCode;

mod build;
mod cargo;
mod compare;
mod http;
mod peers;
mod runtime;
mod soak;
mod steps;
mod swap;
mod test;

const USAGE: &str = "\
Usage: cargo xtask <VERB>

  build          build the guest, the host and target/pii-ner.wasm
  serve [ARGS]   build what is missing and serve the default model; ARGS go to `pilotlight serve`
  test           everything CI checks
  compare        measure Pilotlight beside its peers and write docs/performance.md;
                 --quick tries the commands and writes to target/
  compare host     the same of computing on the host: docs/performance-host.md
  compare sandbox  inference inside the sandbox: docs/performance-sandbox.md
  compare swaps    what callers notice of changes of version: docs/performance-swaps.md
  compare reliability  busy neighbors, overload, faults, and being watched: docs/reliability.md
  compare neighbors  the section about busy neighbors alone: target/performance/neighbors.md
  compare article  a model of the size of BERT-base: docs/performance-article.md
  soak [--minutes N]  load, faults, swaps, reloads and slow clients at once, and whether anything was lost
  runtime        put the shared library of ONNX Runtime beside the built program
  guests         build only the guest and the test guests, for editors and single tests
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match (&verb[..], rest.is_empty()) {
        ("build", true) => build::component(),
        ("serve", _) => build::serve(&rest),
        ("test", true) => test::run(),
        ("compare", _) => compare::run(&rest),
        ("soak", _) => soak::run(&rest),
        ("runtime", true) => runtime::place(),
        ("guests", true) => build::guests(),
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
