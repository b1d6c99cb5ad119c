//! Measures sessions that send audio in real time. A frame's time depends only on the clock, not on earlier answers.
//! Used by `cli`. Does not know how results are printed.

mod audio;
mod connection;
mod process;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::machine;
use crate::pacer;
use crate::progress::{Progress, Step};
use crate::report::{StreamRecord, StreamReport, StreamStep, StreamTarget, VERSION};
use crate::target::Target;
use audio::{Audio, FRAME_MS};
use connection::Session;
use process::Process;
use tally::Tally;

/// Until the first frame is due.
const HEAD_START: Duration = Duration::from_millis(200);
/// How long answers are waited for behind the last frame.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_CONNECTIONS: usize = 20_000;

/// How audio is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A chunked request, answered by lines of JSON: `POST /v1/audio/stream`.
    Http,
    /// A WebSocket on which each message of audio is answered by one.
    Websocket,
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct Streams {
    /// The servers.
    pub targets: Vec<Target>,
    /// Their processes, as far as they are known, in the same order.
    pub processes: Vec<u32>,
    /// A WAV file of mono 16-bit PCM at 16 kHz.
    pub audio: PathBuf,
    /// How audio is sent.
    pub protocol: Protocol,
    /// Numbers of connections, one step each.
    pub connections: Vec<usize>,
    /// Measured time of each step.
    pub duration: Duration,
    /// Time before it.
    pub warm_up: Duration,
    /// How much faster than it lasts audio is sent.
    pub speed: f64,
}

impl Streams {
    fn check(&self) -> Result<()> {
        let refuse = |message: &str| Err(Error::Options(message.to_owned()));
        if self.targets.is_empty() {
            return refuse("name at least one target with --target NAME=URL");
        }
        let fits = |count: &usize| (1..=MOST_CONNECTIONS).contains(count);
        if self.connections.is_empty() || !self.connections.iter().all(fits) {
            return refuse("--connections must be between 1 and 20000");
        }
        if !(0.01..=1000.0).contains(&self.speed) || self.duration.is_zero() {
            return refuse("--speed must be between 0.01 and 1000, and --duration above 0");
        }
        Ok(())
    }

    /// From a frame to the next.
    fn period(&self) -> Duration {
        Duration::from_secs_f64(FRAME_MS / 1000.0 / self.speed)
    }

    fn record(&self) -> StreamRecord {
        StreamRecord {
            protocol: self.protocol.name().to_owned(),
            duration_s: self.duration.as_secs_f64(),
            warm_up_s: self.warm_up.as_secs_f64(),
            speed: self.speed,
            frame_ms: FRAME_MS,
        }
    }
}

impl Protocol {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Websocket => "websocket",
        }
    }
}

/// Measures all targets with each number of connections, one after the other.
///
/// # Errors
/// [`Error`], where nothing can be measured; connections that fail are counted.
pub fn streams(streams: &Streams, progress: Progress<'_>) -> Result<StreamReport> {
    streams.check()?;
    let audio = Audio::read(&streams.audio)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::system("start the runtime"))?;
    let total = streams.targets.len() * streams.connections.len();
    let mut targets = Vec::new();
    for (index, target) in streams.targets.iter().enumerate() {
        let process = streams.processes.get(index).map(|id| Process(*id));
        let mut steps = Vec::new();
        for connections in &streams.connections {
            let done = targets.len() * streams.connections.len() + steps.len();
            let doing = format!("{}, {connections} connections", target.name);
            progress(&Step { done, total, doing });
            let step = runtime.block_on(step(streams, target, *connections, &audio, process))?;
            steps.push(step);
        }
        targets.push(StreamTarget {
            name: target.name.clone(),
            url: target.url.to_string(),
            steps,
        });
    }
    Ok(StreamReport {
        verb: "stream".to_owned(),
        pilotlight_bench: VERSION.to_owned(),
        machine: machine::describe(),
        scenario: streams.record(),
        targets,
    })
}

async fn step(
    streams: &Streams,
    target: &Target,
    connections: usize,
    audio: &Audio,
    process: Option<Process>,
) -> Result<StreamStep> {
    let address = target.url.reach(PATIENCE).map_err(|source| Error::Unreachable {
        name: target.name.clone(),
        url: target.url.to_string(),
        source,
    })?;
    let period = streams.period();
    let begin = Instant::now() + HEAD_START;
    let from = begin + streams.warm_up;
    let until = from + streams.duration;
    let tally = Arc::new(Tally::new(from, until, period)?);
    let (mut dues, mut sessions) = (Vec::new(), tokio::task::JoinSet::new());
    for number in 0..connections {
        let (sender, due) = mpsc::unbounded_channel();
        dues.push(sender);
        let (url, audio, tally) = (target.url.clone(), audio.clone(), Arc::clone(&tally));
        let session = Session { number, url, address, audio, tally, due };
        sessions.spawn(session.run(streams.protocol));
    }
    // Connections are spread over the length of a frame.
    let gap = period / u32::try_from(connections).unwrap_or(u32::MAX);
    let length = streams.warm_up + streams.duration;
    let schedule = (0..).map(move |turn: u64| {
        let (frame, connection) = (turn / connections as u64, turn % connections as u64);
        period.mul_f64(frame as f64) + gap.mul_f64(connection as f64)
    });
    let schedule = schedule.take_while(move |offset| *offset < length);
    let (due, mut due_now) = mpsc::unbounded_channel();
    pacer::start(begin, schedule, due).map_err(Error::system("start the pacer's thread"))?;
    let (mut turn, mut frames, mut busy) = (0, 0, None);
    while let Some(at) = due_now.recv().await {
        if tally.counts_frame(at) {
            frames += 1;
            busy = busy.or_else(|| process.and_then(Process::busy));
        }
        // One that has broken off takes no more, and loses what it was due.
        let _ = dues[turn % connections].send(at);
        turn += 1;
    }
    let used = busy.zip(process.and_then(Process::busy)).map(|(before, after)| after - before);
    let resident = process.and_then(Process::resident);
    drop(dues);
    let _ = tokio::time::timeout(PATIENCE, async { while sessions.join_next().await.is_some() {} })
        .await;
    sessions.shutdown().await;
    let step = tally.step(connections, frames);
    let busy_cores = used.map(|used| used / streams.duration.as_secs_f64());
    Ok(StreamStep { busy_cores, resident_bytes: resident, ..step })
}
