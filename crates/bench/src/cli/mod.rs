//! Options of `pilotlight bench`: parses them, calls the library, and prints or writes the results.
//! The top of the crate: only the program uses it.

use clap::{Args, Subcommand};

mod latency;
mod load;
mod output;
mod progress;
mod scenario;
mod start;
mod stream;

use crate::error::Result;
use crate::load::Verb as Kind;

/// Options of `pilotlight bench` and its subcommands.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    bench: latency::Options,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Measure latency at a fixed rate over time, with the durations that the server reports
    Cold(latency::Options),
    /// Measure the time from exec of a command to its first response
    Start(start::Options),
    /// Find the load that saturates the targets
    Load(load::Options),
    /// Measure sessions that send audio in real time
    Stream(stream::Options),
}

/// Measures and shows the report.
pub fn run(options: Options) -> Result<()> {
    match options.verb {
        None => latency::run(options.bench, Kind::Bench),
        Some(Verb::Cold(options)) => latency::run(options, Kind::Cold),
        Some(Verb::Start(options)) => start::run(options),
        Some(Verb::Load(options)) => load::run(options),
        Some(Verb::Stream(options)) => stream::run(options),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Bench {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &str) -> std::result::Result<Bench, clap::Error> {
        Bench::try_parse_from(format!("bench {line}").split_whitespace())
    }

    #[test]
    fn the_options_are_consistent() {
        <Bench as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn verbs_and_options_are_read() {
        for line in [
            "--target a=http://h:1/ --target http://h:2/ --rate 10 --arrivals poisson --json",
            "--target http://h/ --concurrency 4 --http 2 --json - --svg x.svg --quiet",
            "cold --target http://h/ --duration 1m --header a:b --body {}",
            "load --target http://h/ --concurrency 1,2,4",
            "load --target http://h/ --rates 10,20.5",
            "start --url http://h:1/ --starts 3 -- sleep --x 1",
            "start --spec file.json",
            "stream --target http://h/v1/audio/stream --audio a.wav --connections 50,200 --pid 7",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "--target http://h/ --rate 1 --concurrency 1",
            "--target http://h/ --body a --corpus b",
            "--target http://h/ --corpus-field text",
            "--target https://h/",
            "--target http://h/ --duration 10",
            "load --target http://h/ --concurrency 1,2 --rates 1",
            "start --spec a --url http://h/ -- b",
            "start -- b",
        ] {
            assert!(parse(line).is_err(), "{line} was accepted");
        }
    }

    #[test]
    fn a_target_must_be_named() {
        let message = run(parse("").unwrap_or_else(|error| panic!("{error}")).options);
        assert!(message.unwrap_err().to_string().contains("--target NAME=URL"));
    }
}
