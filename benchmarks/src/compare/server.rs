//! Servers under test: started, watched and stopped.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::http;

const PATIENCE: Duration = Duration::from_secs(120);

/// How to start a server.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
    pub(super) command: Vec<String>,
    pub(super) port: u16,
    pub(super) admin: Option<u16>,
}

impl Recipe {
    /// `PORT` and `ADMIN` in `command` stand for free ports; an administration asks for a token.
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
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn admin_url(&self, path: &str) -> Option<String> {
        Some(format!("http://127.0.0.1:{}{path}", self.admin?))
    }

    /// Starts it and waits until it answers.
    pub(super) fn start(&self) -> anyhow::Result<Service> {
        let [program, arguments @ ..] = &self.command[..] else { bail!("an empty command") };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut service = Service { recipe: self.clone(), child };
        let start = Instant::now();
        while http::get(self.port, "/info").is_err() {
            if let Some(status) = service.child.try_wait()? {
                bail!("{} ended: {status}: {}", self.name, self.command.join(" "));
            }
            if start.elapsed() > PATIENCE {
                bail!("{} does not answer: {}", self.name, self.command.join(" "));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(service)
    }
}

/// A running server; stopped when dropped.
pub(super) struct Service {
    pub(super) recipe: Recipe,
    child: Child,
}

/// What a server takes of the machine.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    /// Processor time since it started, in seconds.
    pub(super) cpu: f64,
    /// Resident memory in MiB: what its page tables map, pages that are mapped twice twice.
    pub(super) rss: f64,
    /// Its share of physical memory in MiB.
    pub(super) pss: f64,
}

impl Service {
    /// What it tells of itself; nothing when it has no administration.
    pub(super) fn status(&self) -> Value {
        let status = self.recipe.admin.map(|port| http::get(port, "/status"));
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

/// Memory of a process by what it is mapped from: share of physical memory, and the part of it
/// that belongs to nobody else, in MiB.
pub(super) type Breakdown = BTreeMap<&'static str, (f64, f64)>;

impl Service {
    pub(super) fn breakdown(&self) -> anyhow::Result<Breakdown> {
        let text = fs::read_to_string(format!("/proc/{}/smaps", self.child.id()))?;
        let (mut kinds, mut kind) = (Breakdown::new(), "");
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
        "image" => "memories of instances: weights, and what was written",
        "cwasm" => "machine code of the function",
        _ if file.ends_with("/pilotlight") => "the binary",
        _ if file.starts_with('/') => "libraries",
        _ => "heap and stacks",
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
