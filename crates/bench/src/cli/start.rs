use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;

use super::output::Output;
use crate::duration::parse_duration;
use crate::error::{Error, Result};
use crate::start::{FollowUpRequest, StartCommand, Starts, read_spec, read_token, starts};
use crate::target::Url;
use crate::{plot, table};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The URL whose first response with status 200 ends a start
    #[arg(long, required_unless_present = "spec")]
    url: Option<Url>,
    /// The URL of one more request after that response [default: --url]
    #[arg(long, value_name = "URL", requires = "url")]
    then_url: Option<Url>,
    /// The body of that request; a GET without a body
    #[arg(long, value_name = "JSON", requires = "url")]
    then_body: Option<String>,
    /// The URL at which the command reports the time of its main function and of loading
    #[arg(long, value_name = "URL", requires = "url")]
    status_url: Option<Url>,
    /// A file with the token for --status-url
    #[arg(long, value_name = "FILE", requires = "status_url")]
    status_token_file: Option<PathBuf>,
    /// A file with a JSON list of {name, command, url, then_url, then_body, status_url,
    /// status_token_file, env}
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "command"])]
    spec: Option<PathBuf>,
    /// Measured starts of each command
    #[arg(long, default_value_t = 20)]
    starts: u32,
    /// Starts of each command to discard before the measured ones
    #[arg(long, default_value_t = 1)]
    discard: u32,
    /// Timeout of the first response
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    timeout: Duration,
    /// Seed of the resampling
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
    /// The command and its arguments
    #[arg(last = true, required_unless_present = "spec")]
    command: Vec<String>,
}

pub(super) fn run(options: Options) -> Result<()> {
    options.output.check()?;
    let commands = match (options.spec, options.url) {
        (Some(file), _) => read_spec(&file)?,
        (None, Some(url)) => {
            let body = options.then_body.map(Bytes::from);
            let has_follow_up = body.is_some() || options.then_url.is_some();
            let then_url = options.then_url.unwrap_or_else(|| url.clone());
            vec![StartCommand {
                name: program(&options.command),
                command: options.command,
                env: BTreeMap::new(),
                url,
                follow_up: has_follow_up.then_some(FollowUpRequest { url: then_url, body }),
                status_url: options.status_url,
                status_token: options.status_token_file.as_deref().map(read_token).transpose()?,
            }]
        }
        (None, None) => return Err(Error::Options("name the URL with --url".to_owned())),
    };
    let Options { starts: count, discard, timeout, seed, .. } = options;
    let settings = Starts { commands, starts: count, discard, timeout, seed };
    let report = starts(&settings, &options.output.progress())?;
    options.output.show(&report, &table::start(&report), plot::start)
}

/// The name of the program without its folder.
fn program(command: &[String]) -> String {
    let program = command.first().map_or("command", String::as_str);
    program.rsplit('/').next().unwrap_or(program).to_owned()
}
