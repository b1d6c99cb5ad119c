//! `cargo xtask compare stream`: sessions that send audio in real time, and Python services with the same models.

mod page;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use xtask::build;
use xtask::cargo::{root, target};

use super::runner::Runner;
use super::server::{Server, ServerSpec};
use super::servers::{absolute, versions};
use servers::StreamServers;

/// Recordings of the tests, which are played one after the other.
const RECORDINGS: [&str; 4] = [
    "sense_and_sensibility_01_austen_64kb-0870.wav",
    "cards-005.wav",
    "sense_and_sensibility_01_austen_64kb-0880.wav",
    "sense_and_sensibility_01_austen_64kb-0930.wav",
];
/// Bytes in front of the samples.
const HEADER: usize = 44;
/// Bytes of a second of samples.
const SECOND: usize = 32_000;

/// The results of all servers with one model, and the command that repeats the measurement.
struct Measured {
    /// The name of the plot.
    plot: &'static str,
    command: String,
    report: Value,
}

struct Results {
    voice: Measured,
    speech: Measured,
    versions: Vec<(&'static str, String)>,
}

/// Measures; returns the text of `docs/performance-streams.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::host()?;
    let servers = StreamServers::install()?;
    let audio = audio()?;
    let [voice, speech] = match runner.is_quick() {
        true => ["5,10", "1"],
        false => ["50,200", "2,4,8,12,16,24"],
    };
    let results = Results {
        voice: measure(runner, ("stream-voice", &servers.voice()?[..]), &audio, voice)?,
        speech: measure(runner, ("stream-speech", &servers.speech()?[..]), &audio, speech)?,
        versions: versions(&servers.python),
    };
    Ok(page::write(&results, runner))
}

/// All recordings as one file, with a second of silence behind each, which ends a segment.
fn audio() -> anyhow::Result<PathBuf> {
    let mut joined = Vec::new();
    for name in RECORDINGS {
        let file = root().join("tests/golden/audio").join(name);
        let wav = fs::read(&file).with_context(|| file.display().to_string())?;
        let parts = wav.split_at_checked(HEADER);
        let (header, samples) =
            parts.with_context(|| format!("{} is too short", file.display()))?;
        if joined.is_empty() {
            joined.extend_from_slice(header);
        }
        joined.extend_from_slice(samples);
        joined.resize(joined.len() + SECOND, 0);
    }
    // The lengths of the file and of the samples.
    for (place, before) in [(4, 8), (40, HEADER)] {
        let length = u32::try_from(joined.len() - before)?;
        joined[place..place + 4].copy_from_slice(&length.to_le_bytes());
    }
    let folder = target().join("compare");
    fs::create_dir_all(&folder)?;
    let file = folder.join("speech.wav");
    fs::write(&file, joined).with_context(|| file.display().to_string())?;
    Ok(file)
}

/// Measures servers one after the other with each number of connections.
fn measure(
    runner: &Runner,
    (plot, specs): (&'static str, &[ServerSpec]),
    audio: &Path,
    connections: &str,
) -> anyhow::Result<Measured> {
    let servers = specs.iter().map(ServerSpec::start).collect::<anyhow::Result<Vec<Server>>>()?;
    let (file, seconds) = (absolute(audio.to_owned()), runner.seconds(20));
    let options = ["stream", "--protocol", "websocket", "--audio", &file];
    let more = ["--connections", connections, "--duration", &seconds, "--warm-up", "3s"];
    let mut arguments: Vec<String> = options.into_iter().chain(more).map(str::to_owned).collect();
    for server in &servers {
        let url = format!("{}={}", server.spec.name, server.spec.url("/"));
        let process = server.id().to_string();
        arguments.extend(["--target".to_owned(), url, "--pid".to_owned(), process]);
    }
    let (command, report) = runner.bench_and_plot(plot, &arguments)?;
    let command = command.replace(&file, "speech.wav");
    Ok(Measured { plot, command, report })
}
