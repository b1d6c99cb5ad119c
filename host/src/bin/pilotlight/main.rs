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
use absent::{hub, registry};
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
    /// How much to log on standard error: off, error, warn, info, debug or trace [default: info, or
    /// what a configuration says]
    #[arg(long, global = true, env = "PILOTLIGHT_LOG")]
    log: Option<LevelFilter>,
    /// How to write that [default: text, or what a configuration says]
    #[arg(long, global = true, value_enum, env = "PILOTLIGHT_LOG_FORMAT")]
    log_format: Option<Format>,
}

#[derive(Subcommand)]
enum Verb {
    /// Turn a model folder into one self-contained, pre-initialized component
    Build(build::BuildArgs),
    /// Write the `model.toml` of a model folder, with what is detected
    Init(init::InitOptions),
    /// Serve a model folder or a component over HTTP, a fresh instance for each request
    Serve(Box<serve::ServeArgs>),
    /// Fill the cache ahead of time
    Cache(cache::CacheArgs),
    /// Report every mistake in a configuration, with its line and column; of files that it names and
    /// that are not here there are warnings only
    Check(check::CheckArgs),
    /// Have another version take over from the one that a server has, without a request lost
    Swap(swap::SwapOptions),
    /// Have the previous version take over again
    Rollback(swap::RollbackOptions),
    /// Show which versions get which share of the requests to a server, and how they do
    Routes(routes::RoutesArgs),
    /// Make a key pair to sign components with
    Keygen(sign::KeygenOptions),
    /// Make an API key: the key itself, once, and its entry for the file of keys
    ApiKey(keys::ApiKeyOptions),
    /// Make a keyring for de-identification, or rotate its keys
    Keyring(keys::KeyringOptions),
    /// Sign a component that `build` wrote
    Sign(sign::SignOptions),
    /// Check that a component is what was built, and who signed it
    Verify(sign::VerifyOptions),
    /// Send a component to an OCI registry
    Push(registry::PushOptions),
    /// Fetch a component from an OCI registry
    Pull(registry::PullOptions),
    /// Measure servers: latency and cold answers, starts, load
    Bench(Box<bench::Options>),
    /// Tell what a component holds: digests, sizes, imports, exports, the model's card
    Inspect(inspect::InspectArgs),
    /// Compute for the process that has started this one
    #[command(name = compute::WORKER, hide = true)]
    BackendWorker,
}

/// Logs from now on, and what was to be told before.
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
