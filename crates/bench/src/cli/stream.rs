use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::output::Output;
use crate::duration::parse_duration;
use crate::error::Result;
use crate::stream::{Protocol, Streams, streams};
use crate::target::Target;
use crate::{plot, table};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Server to measure, by the URL of its sessions; can be repeated, and servers are then
    /// measured one after the other
    #[arg(long = "target", value_name = "[NAME=]URL")]
    targets: Vec<Target>,
    /// Process of a server, whose CPU time and memory are reported; one for each target
    #[arg(long = "pid", value_name = "PID")]
    processes: Vec<u32>,
    /// Recording that is sent repeatedly: a WAV file of mono 16-bit PCM at 16 kHz
    #[arg(long, value_name = "FILE")]
    audio: PathBuf,
    /// How frames are sent: as chunks of a request whose response is read line by line, or as
    /// messages of a WebSocket
    #[arg(long, value_enum, default_value = "http")]
    protocol: ProtocolOption,
    /// Numbers of connections, one step each
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [50, 200])]
    connections: Vec<usize>,
    /// Measured time of each step
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// Time before the measurement of each step
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    warm_up: Duration,
    /// Speed of the audio, as a multiple of real time
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProtocolOption {
    Http,
    Websocket,
}

pub(super) fn run(options: Options) -> Result<()> {
    options.output.check()?;
    let wanted = Streams {
        targets: options.targets,
        processes: options.processes,
        audio: options.audio,
        protocol: match options.protocol {
            ProtocolOption::Http => Protocol::Http,
            ProtocolOption::Websocket => Protocol::Websocket,
        },
        connections: options.connections,
        duration: options.duration,
        warm_up: options.warm_up,
        speed: options.speed,
    };
    let report = streams(&wanted, &options.output.progress())?;
    options.output.show(&report, &table::stream(&report), plot::stream)
}
