//! Servers under test.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::http;

/// A server that takes longer to start has failed.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How to start a server.
#[derive(Clone)]
pub(super) struct ServerSpec {
    pub(super) name: &'static str,
    pub(super) command: Vec<String>,
    pub(super) port: u16,
    pub(super) admin: Option<u16>,
}

impl ServerSpec {
    /// Replaces `PORT` and `ADMIN` in `command` with free ports. An administration API gets a token.
    pub(super) fn new(name: &'static str, command: &[&str]) -> anyhow::Result<Self> {
        let (port, admin) = (http::free_port()?, http::free_port()?);
        let uses_admin = command.iter().any(|word| word.contains("ADMIN"));
        let fill = |word: &&str| {
            word.replace("PORT", &port.to_string()).replace("ADMIN", &admin.to_string())
        };
        let mut command: Vec<String> = command.iter().map(fill).collect();
        if uses_admin {
            command.extend(["--admin-token-file".to_owned(), http::token_file()?]);
        }
        Ok(Self { name, command, port, admin: uses_admin.then_some(admin) })
    }

    pub(super) fn url(&self, path: &str) -> String {
        http::url(self.port, path)
    }

    pub(super) fn admin_url(&self, path: &str) -> Option<String> {
        Some(http::url(self.admin?, path))
    }

    /// Starts the server and waits until it responds.
    pub(super) fn start(&self) -> anyhow::Result<Server> {
        let [program, arguments @ ..] = &self.command[..] else {
            bail!("{}: the command is empty", self.name)
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut server = Server { spec: self.clone(), child };
        let start = Instant::now();
        while http::get(self.port, "/info").is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{} ended: {status}: {}", self.name, self.command.join(" "));
            }
            if start.elapsed() > START_TIMEOUT {
                bail!("{} does not respond: {}", self.name, self.command.join(" "));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

/// A running server; stopped when dropped.
pub(super) struct Server {
    pub(super) spec: ServerSpec,
    child: Child,
}

/// Resources that a server uses.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    /// Processor time since it started, in seconds.
    pub(super) cpu: f64,
    /// Resident memory in MiB. Pages that are mapped twice count twice.
    pub(super) rss: f64,
    /// Proportional share of physical memory in MiB.
    pub(super) pss: f64,
}

impl Server {
    /// `/status` of the administration API; null if there is none.
    pub(super) fn status(&self) -> Value {
        let status = self.spec.admin.map(|port| http::get(port, "/status"));
        status.and_then(Result::ok).unwrap_or_default()
    }

    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        /// Clock ticks in a second (sysconf(_SC_CLK_TCK) on every Linux).
        const TICKS: f64 = 100.0;
        let process = format!("/proc/{}", self.child.id());
        let stat = fs::read_to_string(format!("{process}/stat"))?;
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let memory = fs::read_to_string(format!("{process}/smaps_rollup"))?;
        let mebibytes = |name: &str| {
            let line = memory.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kib.unwrap_or_default() / 1024.0
        };
        Ok(Usage {
            cpu: (ticks(12).unwrap_or_default() + ticks(13).unwrap_or_default()) / TICKS,
            rss: mebibytes("Rss:"),
            pss: mebibytes("Pss:"),
        })
    }
}

/// Memory of a process by kind of mapping: proportional share of physical memory, and the private
/// part of it, in MiB.
pub(super) type MemoryBreakdown = BTreeMap<&'static str, (f64, f64)>;

impl Server {
    pub(super) fn memory_breakdown(&self) -> anyhow::Result<MemoryBreakdown> {
        let text = fs::read_to_string(format!("/proc/{}/smaps", self.child.id()))?;
        let (mut kinds, mut kind) = (MemoryBreakdown::new(), "");
        for line in text.lines() {
            let kib = || line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
            match line.split_once(':').map_or(line, |(name, _)| name) {
                "Pss" => kinds.entry(kind).or_default().0 += kib().unwrap_or_default() / 1024.0,
                "Anonymous" => {
                    kinds.entry(kind).or_default().1 += kib().unwrap_or_default() / 1024.0
                }
                // The first line of a mapping begins with its addresses.
                range if range.contains('-') && !range.contains('_') => kind = mapped_from(line),
                _ => {}
            }
        }
        Ok(kinds)
    }
}

fn mapped_from(line: &str) -> &'static str {
    let file = line.rsplit(' ').next().unwrap_or_default();
    match file.rsplit_once('.').map_or(file, |(_, extension)| extension) {
        "image" => "instance memory: weights and written pages",
        "cwasm" => "compiled code of the function",
        _ if file.ends_with("/pilotlight") => "binary",
        _ if file.starts_with('/') => "libraries",
        _ => "heap and stacks",
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
