//! The programs `pilotlight` and `pilotlight-run`: options in, library calls out. One file for each command.

use std::process::ExitCode;

use clap::Parser;
#[cfg(feature = "cli")]
use clap::Subcommand;

#[cfg(any(not(feature = "registry"), all(feature = "cli", not(feature = "bench"))))]
mod absent;
mod admin_socket;
mod administration;
#[cfg(feature = "cli")]
mod build;
#[cfg(feature = "cli")]
mod cache;
mod check;
#[cfg(feature = "cli")]
mod compile;
mod compute;
mod environment;
#[cfg(feature = "registry")]
mod hub;
#[cfg(feature = "cli")]
mod init;
mod inspect;
mod keys;
mod labels;
mod log;
mod missing;
mod model;
#[cfg(feature = "registry")]
mod oci;
mod origin;
mod reason;
#[cfg(feature = "registry")]
mod registry;
mod routes;
mod run;
mod serve;
mod sign;
mod stages;
mod swap;

#[cfg(all(feature = "cli", not(feature = "bench")))]
use absent::bench;
#[cfg(not(feature = "registry"))]
use absent::{hub, oci, registry};
use log::LogOptions;
#[cfg(feature = "bench")]
use pilotlight_bench::cli as bench;
use reason::reason;
use run::RunCommand;

/// Builds and serves pre-initialized WASI inference functions
#[cfg(feature = "cli")]
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Pilotlight {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogOptions,
}

#[cfg(feature = "cli")]
#[derive(Subcommand)]
enum Command {
    /// Turn a model folder into one self-contained, pre-initialized component
    Build(build::BuildArgs),
    /// Write the `model.toml` of a model folder with what is detected
    Init(init::InitOptions),
    /// Compile a component to machine code, in a file that `pilotlight-run` serves
    Compile(compile::CompileOptions),
    /// Fill the cache before `serve` needs it
    Cache(cache::CacheArgs),
    #[command(flatten)]
    Run(RunCommand),
    /// Measure servers: latency, cold starts, load
    Bench(Box<bench::Options>),
}

/// Serves functions that `pilotlight` has compiled
#[derive(Parser)]
#[command(name = "pilotlight-run", version, max_term_width = 100)]
struct PilotlightRun {
    #[command(subcommand)]
    command: RunCommand,
    #[command(flatten)]
    log: LogOptions,
}

/// The program `pilotlight`.
#[cfg(feature = "cli")]
pub fn pilotlight() -> ExitCode {
    environment::forbid_reports();
    let Pilotlight { command, log } = Pilotlight::parse();
    exit_code(match command {
        Command::Run(command) => command.run(&log),
        Command::Cache(options) => warm(&options, &log),
        command => {
            log.log(None).start(None);
            command.run().map(|()| ExitCode::SUCCESS)
        }
    })
}

/// The program `pilotlight-run`, which compiles nothing even in a build that could.
pub fn pilotlight_run() -> ExitCode {
    environment::forbid_reports();
    let PilotlightRun { command, log } = PilotlightRun::parse();
    exit_code(command.without_compiler().run(&log))
}

#[cfg(feature = "cli")]
impl Command {
    /// Runs a command that has no configuration.
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Build(options) => build::run(options),
            Self::Init(options) => init::run(&options),
            Self::Compile(options) => compile::run(&options),
            Self::Bench(options) => bench::run(*options).map_err(Into::into),
            // They read a configuration first.
            Self::Cache(_) | Self::Run(_) => Ok(()),
        }
    }
}

/// Fills the cache. The configuration is read before there is a log: it may say how much is logged.
#[cfg(feature = "cli")]
fn warm(options: &cache::CacheArgs, log: &LogOptions) -> anyhow::Result<ExitCode> {
    let document = serve::read(options.served());
    let configured =
        document.as_ref().ok().and_then(Option::as_ref).map(serve::Document::telemetry);
    log.log(configured).start(None);
    cache::run(options, document?)?;
    Ok(ExitCode::SUCCESS)
}

/// The exit code of a command, whose error goes to standard error.
fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", reason(&error));
        ExitCode::FAILURE
    })
}
