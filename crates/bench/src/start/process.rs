use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::spec::StartCommand;
use crate::error::{Error, Result};
use crate::memory;

/// How long a process may take to end after SIGTERM.
const TERM_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(2);

/// The part of a command's output that errors show.
const SHOWN_LINES: usize = 20;
const SHOWN_BYTES: u64 = 16 * 1024;

/// A running command. It is ended when this is dropped.
pub(super) struct Process {
    name: String,
    child: Child,
    /// Standard output and standard error together.
    output: File,
    /// Just before it was started.
    pub(super) started: Instant,
    /// The same time according to the system clock.
    pub(super) started_unix: SystemTime,
}

impl Process {
    pub(super) fn start(command: &StartCommand) -> Result<Self> {
        let file = || Error::system("make a file for the command's output");
        let output = tempfile::tempfile().map_err(file())?;
        let [stdout, stderr] =
            [output.try_clone().map_err(file())?, output.try_clone().map_err(file())?];
        let (program, arguments) = command
            .command
            .split_first()
            .ok_or_else(|| Error::Options(format!("{}: the command is empty", command.name)))?;
        let mut prepared = Command::new(program);
        prepared.args(arguments).envs(&command.env);
        prepared.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let (started_unix, started) = (SystemTime::now(), Instant::now());
        let child = prepared.spawn().map_err(|error| Error::Start {
            name: command.name.clone(),
            reason: format!("cannot start {program}: {error}"),
            output: String::new(),
        })?;
        Ok(Self { name: command.name.clone(), child, output, started, started_unix })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process has ended on its own.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(Some(status)) => {
                Err(self.failed(&format!("ended before its first response ({status})")))
            }
            _ => Ok(()),
        }
    }

    /// An error with the last lines that the process wrote.
    pub(super) fn failed(&mut self, reason: &str) -> Error {
        let output = self.last_lines().unwrap_or_default();
        Error::Start { name: self.name.clone(), reason: reason.to_owned(), output }
    }

    fn last_lines(&mut self) -> std::io::Result<String> {
        let length = self.output.metadata()?.len();
        self.output.seek(SeekFrom::Start(length.saturating_sub(SHOWN_BYTES)))?;
        let mut tail = Vec::new();
        (&self.output).take(SHOWN_BYTES).read_to_end(&mut tail)?;
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n"))
    }

    /// Ends the process and its children: SIGTERM, then SIGKILL.
    fn end(&mut self) {
        // Children are listed while the process runs, because they lose their parent when it ends.
        let family = memory::family(self.child.id());
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            family.iter().for_each(|member| signal(*member, Signal::Term));
        }
        let terminated = Instant::now();
        while !self.is_over(&family) {
            if terminated.elapsed() >= TERM_TIMEOUT {
                let _ = self.child.kill();
                let children = family.iter().skip(1).filter(|member| memory::is_running(**member));
                children.for_each(|member| signal(*member, Signal::Kill));
                let _ = self.child.wait();
                return;
            }
            thread::sleep(POLL);
        }
    }

    fn is_over(&mut self, family: &[u32]) -> bool {
        let ended = !matches!(self.child.try_wait(), Ok(None));
        ended && !family.iter().skip(1).any(|member| memory::is_running(*member))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

enum Signal {
    Term,
    Kill,
}

#[cfg(unix)]
fn signal(process: u32, signal: Signal) {
    let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    let signal = match signal {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    if let Some(id) = id {
        // The process may have ended in the meantime.
        let _ = rustix::process::kill_process(id, signal);
    }
}

/// Without signals the process is killed after the timeout.
#[cfg(not(unix))]
fn signal(_: u32, _: Signal) {}
