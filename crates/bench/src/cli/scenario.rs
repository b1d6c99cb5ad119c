use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::arrivals::Arrivals;
use crate::corpus::read_corpus;
use crate::duration::parse_duration;
use crate::error::{Error, Result};
use crate::load::Protocol;
use crate::request::{RequestTemplate, parse_header};
use crate::scenario::Scenario;
use crate::target::Target;

/// The options of a scenario, except its load.
#[derive(Debug, Args)]
pub(super) struct ScenarioOptions {
    /// A server to measure; repeat the option to compare further servers with the first
    #[arg(long = "target", value_name = "[NAME=]URL")]
    targets: Vec<Target>,
    /// Measured time of each target, such as 500ms, 10s or 2m
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// Time to send requests before the first round; a tenth of it before each later one
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    warm_up: Duration,
    /// Number of alternating rounds [default: 1 for one target, 5 for several]
    #[arg(long)]
    rounds: Option<u32>,
    /// Maximum number of connections to a target in an open loop
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Timeout of a response
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    timeout: Duration,
    /// Seed of random intervals and of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// HTTP version; 2 with prior knowledge
    #[arg(long, value_enum, default_value = "1.1", value_name = "VERSION")]
    http: Version,
    #[command(flatten)]
    request: RequestOptions,
}

#[derive(Debug, Args)]
struct RequestOptions {
    /// The method [default: GET, or POST with a body]
    #[arg(long)]
    method: Option<Method>,
    /// A header, as 'Name: value'; may be repeated
    #[arg(long = "header", value_name = "HEADER", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The body of every request
    #[arg(long, value_name = "TEXT", group = "content")]
    body: Option<String>,
    /// A file with the body of every request
    #[arg(long, value_name = "FILE", group = "content")]
    body_file: Option<PathBuf>,
    /// A file with one JSON body per line, sent in order and from the beginning again
    #[arg(long, value_name = "FILE", group = "content")]
    corpus: Option<PathBuf>,
    /// Send this field of each line of the corpus, as {"inputs": …}
    #[arg(long, value_name = "FIELD", requires = "corpus")]
    corpus_field: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Version {
    #[value(name = "1.1")]
    Http1,
    #[value(name = "2")]
    Http2,
}

/// [`Arrivals`] on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ArrivalsOption {
    /// Constant intervals
    Constant,
    /// Random intervals, as with many independent users
    Poisson,
}

impl From<ArrivalsOption> for Arrivals {
    fn from(option: ArrivalsOption) -> Self {
        match option {
            ArrivalsOption::Constant => Self::Constant,
            ArrivalsOption::Poisson => Self::Poisson,
        }
    }
}

impl ScenarioOptions {
    /// A scenario with the default kind and load.
    pub(super) fn scenario(self) -> Result<Scenario> {
        let default = Scenario::new(self.targets);
        Ok(Scenario {
            duration: self.duration,
            warm_up: self.warm_up,
            rounds: self.rounds.unwrap_or(default.rounds),
            connections: self.connections,
            timeout: self.timeout,
            seed: self.seed,
            protocol: match self.http {
                Version::Http1 => Protocol::Http1,
                Version::Http2 => Protocol::Http2,
            },
            request: self.request.template()?,
            ..default
        })
    }
}

impl RequestOptions {
    fn template(self) -> Result<RequestTemplate> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        let bodies = match (self.body, self.body_file, self.corpus) {
            (Some(text), ..) => vec![Bytes::from(text)],
            (_, Some(file), _) => vec![Bytes::from(fs::read(&file).map_err(Error::io(file))?)],
            (.., Some(file)) => read_corpus(&file, self.corpus_field.as_deref())?,
            (None, None, None) => Vec::new(),
        };
        Ok(RequestTemplate { method: self.method, headers, bodies })
    }
}
