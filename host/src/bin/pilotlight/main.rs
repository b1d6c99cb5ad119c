//! `pilotlight`: builds, serves and inspects inference functions. Options in, library calls out.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;

#[cfg(not(all(feature = "bench", feature = "registry")))]
mod absent;
mod admin_socket;
mod administration;
mod build;
mod cache;
mod check;
mod compute;
mod environment;
#[cfg(feature = "registry")]
mod hub;
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
mod serve;
mod sign;
mod stages;
mod swap;

#[cfg(not(feature = "bench"))]
use absent::bench;
#[cfg(not(feature = "registry"))]
use absent::{hub, oci, registry};
use log::{Format, Log};
#[cfg(feature = "bench")]
use pilotlight_bench::cli as bench;
use reason::reason;
use serve::Document;

/// Builds and serves pre-initialized WASI inference functions
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// Log level on standard error: off, error, warn, info, debug or trace [default: that of the
    /// configuration, or info]
    #[arg(long, global = true, env = "PILOTLIGHT_LOG")]
    log: Option<LevelFilter>,
    /// Format of the log [default: that of the configuration, or text]
    #[arg(long, global = true, value_enum, env = "PILOTLIGHT_LOG_FORMAT")]
    log_format: Option<Format>,
}

#[derive(Subcommand)]
enum Verb {
    /// Turn a model folder into one self-contained, pre-initialized component
    Build(build::BuildArgs),
    /// Write the `model.toml` of a model folder with what is detected
    Init(init::InitOptions),
    /// Serve a model folder or a component over HTTP, with a fresh instance for each request
    Serve(Box<serve::ServeArgs>),
    /// Fill the cache before `serve` needs it
    Cache(cache::CacheArgs),
    /// Report every error in a configuration with its line and column, and warn of files that do
    /// not exist here
    Check(check::CheckArgs),
    /// Deploy another version of a function of a running server without losing requests
    Swap(swap::SwapOptions),
    /// Return to the previous version of a function
    Rollback(swap::RollbackOptions),
    /// Show the routes of a running server, with shares and state of each version
    Routes(routes::RoutesArgs),
    /// Create a key pair for signing components
    Keygen(sign::KeygenOptions),
    /// Create an API key: prints the key once, and its entry for the key file
    ApiKey(keys::ApiKeyOptions),
    /// Create a keyring for de-identification, or rotate its keys
    Keyring(keys::KeyringOptions),
    /// Sign a component that `build` wrote
    Sign(sign::SignOptions),
    /// Check the digest and the signatures of a component
    Verify(sign::VerifyOptions),
    /// Push a component to an OCI registry
    Push(registry::PushOptions),
    /// Pull a component from an OCI registry
    Pull(registry::PullOptions),
    /// Measure servers: latency, cold starts, load
    Bench(Box<bench::Options>),
    /// Show the content of a component: digests, sizes, imports, exports, model card
    Inspect(inspect::InspectArgs),
    /// Run an isolated backend for the parent process
    #[command(name = compute::WORKER, hide = true)]
    BackendWorker,
}

/// Starts the log, and logs the warnings of telemetry.
fn start_log(log: Log, started: Option<&serve::Started>) {
    log.start(started.and_then(|started| started.telemetry.otlp()));
    for warning in started.iter().flat_map(|started| &started.warnings) {
        tracing::warn!("{warning}");
    }
}

fn main() -> ExitCode {
    environment::forbid_reports();
    let arguments = Arguments::parse();
    // Before there is a log: it may say how much is logged.
    let document = match &arguments.verb {
        Verb::Serve(options) => serve::read(options),
        Verb::Cache(options) => serve::read(options.served()),
        _ => Ok(None),
    };
    let configured = document.as_ref().ok().and_then(Option::as_ref).map(Document::telemetry);
    let mut log = configured.map(Log::of_config).unwrap_or_default();
    log.level = arguments.log.unwrap_or(log.level);
    log.format = arguments.log_format.unwrap_or(log.format);
    let started = match &arguments.verb {
        Verb::Serve(options) => serve::start_telemetry(options, configured, log).map(Some),
        _ => Ok(None),
    };
    start_log(log, started.as_ref().ok().and_then(Option::as_ref));
    let result = match arguments.verb {
        Verb::Build(options) => build::run(options),
        Verb::Init(options) => init::run(&options),
        Verb::Serve(options) => {
            let telemetry = started.map(|started| started.unwrap_or_default().telemetry);
            document.and_then(|document| serve::run(*options, document, telemetry?))
        }
        Verb::Cache(options) => document.and_then(|document| cache::run(&options, document)),
        Verb::Check(options) => match check::run(&options) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Verb::Swap(options) => swap::swap(&options),
        Verb::Rollback(options) => swap::roll_back(&options),
        Verb::Routes(options) => routes::run(&options),
        Verb::Keygen(options) => sign::keygen(&options),
        Verb::ApiKey(options) => keys::api_key(&options),
        Verb::Keyring(options) => keys::keyring(&options),
        Verb::Sign(options) => sign::sign(&options),
        Verb::Verify(options) => sign::verify(&options),
        Verb::Push(options) => registry::push(&options),
        Verb::Pull(options) => registry::pull(&options),
        Verb::Bench(options) => bench::run(*options).map_err(Into::into),
        Verb::Inspect(options) => inspect::run(&options),
        Verb::BackendWorker => pilotlight_inference::isolated::work().map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", reason(&error));
            ExitCode::FAILURE
        }
    }
}
