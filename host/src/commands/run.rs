//! The commands that need no compiler: all of `pilotlight-run`, and those of `pilotlight` that it shares.

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::log::{Log, LogOptions};
use crate::commands::serve::{self, Document, ServeArgs, Started};
use crate::commands::{check, compute, inspect, keys, registry, routes, sign, swap};

#[derive(Subcommand)]
pub(crate) enum RunCommand {
    /// Serve a model folder or a component over HTTP, with a fresh instance for each request
    Serve(Box<ServeArgs>),
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
    /// Sign a component that `build` or `compile` wrote
    Sign(sign::SignOptions),
    /// Check the digest and the signatures of a component
    Verify(sign::VerifyOptions),
    /// Push a component to an OCI registry
    Push(registry::PushOptions),
    /// Pull a component from an OCI registry
    Pull(registry::PullOptions),
    /// Show the content of a component: digests, sizes, imports, exports, model card
    Inspect(inspect::InspectArgs),
    /// Run an isolated backend for the parent process
    #[command(name = compute::WORKER, hide = true)]
    BackendWorker,
}

impl RunCommand {
    /// The same command, which loads what was compiled and compiles nothing.
    pub(super) fn without_compiler(mut self) -> Self {
        if let Self::Serve(options) = &mut self {
            options.loads_only = true;
        }
        self
    }

    pub(super) fn run(self, log: &LogOptions) -> anyhow::Result<ExitCode> {
        if let Self::Serve(options) = self {
            return run_server(*options, log).map(|()| ExitCode::SUCCESS);
        }
        log.log(None).start(None);
        match self {
            Self::Check(options) => {
                let is_valid = check::run(&options)?;
                return Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Self::Swap(options) => swap::swap(&options)?,
            Self::Rollback(options) => swap::roll_back(&options)?,
            Self::Routes(options) => routes::run(&options)?,
            Self::Keygen(options) => sign::keygen(&options)?,
            Self::ApiKey(options) => keys::api_key(&options)?,
            Self::Keyring(options) => keys::keyring(&options)?,
            Self::Sign(options) => sign::sign(&options)?,
            Self::Verify(options) => sign::verify(&options)?,
            Self::Push(options) => registry::push(&options)?,
            Self::Pull(options) => registry::pull(&options)?,
            Self::Inspect(options) => inspect::run(&options)?,
            Self::BackendWorker => pilotlight_inference::isolated::work()?,
            Self::Serve(_) => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Serves. The configuration is read before there is a log: it may say how much is logged.
fn run_server(options: ServeArgs, log: &LogOptions) -> anyhow::Result<()> {
    let document = serve::read(&options);
    let configured = document.as_ref().ok().and_then(Option::as_ref).map(Document::telemetry);
    let log = log.log(configured);
    let started = serve::start_telemetry(&options, configured, log);
    start_log(log, started.as_ref().ok());
    let document = document?;
    serve::run(options, document, started?.telemetry)
}

/// Starts the log, and logs the warnings of telemetry.
fn start_log(log: Log, started: Option<&Started>) {
    log.start(started.and_then(|started| started.telemetry.otlp()));
    for warning in started.iter().flat_map(|started| &started.warnings) {
        tracing::warn!("{warning}");
    }
}
