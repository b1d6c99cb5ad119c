//! `pilotlight`: builds, serves and inspects inference functions. Options in, library calls out.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;

mod build;
mod compute;
mod inspect;
mod serve;
mod stages;

/// Builds and serves pre-initialised WASI inference functions
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// How much to log on standard error: off, error, warn, info, debug or trace
    #[arg(long, global = true, default_value = "info", env = "PILOTLIGHT_LOG")]
    log: LevelFilter,
}

#[derive(Subcommand)]
enum Verb {
    /// Turn a model folder into one self-contained, pre-initialised component
    Build(build::Options),
    /// Serve a model folder or a component over HTTP, a fresh instance for each request
    Serve(serve::Options),
    /// Measure servers: latency and cold answers, starts, load
    Bench(Box<pilotlight_bench::cli::Options>),
    /// Tell what a component holds: digests, sizes, imports, exports, the model's card
    Inspect(inspect::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_max_level(arguments.log)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result = match arguments.verb {
        Verb::Build(options) => build::run(options),
        Verb::Serve(options) => serve::run(options),
        Verb::Bench(options) => pilotlight_bench::cli::run(*options).map_err(Into::into),
        Verb::Inspect(options) => inspect::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
