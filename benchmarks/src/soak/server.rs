//! The server under test, with two functions: the default model, and a guest that can be requested to
//! fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use xtask::build::{self, binary};
use xtask::cargo::target;

use crate::http;
use crate::second_version;

const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A running server; stopped on drop.
pub(super) struct SoakServer {
    child: Child,
    pub(super) port: u16,
    /// The port of the administration API.
    pub(super) admin: u16,
    token_file: String,
    folder: PathBuf,
    /// Two versions of the default model.
    pub(super) versions: [PathBuf; 2],
    stop: AtomicBool,
}

impl SoakServer {
    /// Starts the server and waits until it is ready.
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = target().join("soak");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let versions = [build::component_file(), second_version::build(&folder)?];
        let [port, admin] = [http::free_port()?, http::free_port()?];
        let configuration = folder.join("pilotlight.toml");
        let token_file = http::token_file()?;
        fs::write(&configuration, configuration_text(&versions[0], (port, admin), &token_file, 0))?;
        let log = fs::File::create(folder.join("log"))?;
        let mut command = Command::new(binary());
        command.arg("serve").arg("--config").arg(&configuration);
        command.arg("--cache-dir").arg(folder.join("cache"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let stop = AtomicBool::new(false);
        let mut server = Self { child, port, admin, token_file, folder, versions, stop };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        while http::get(self.admin, "/ready").is_err() {
            let log = self.folder.join("log");
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended: {status}; see {}", log.display());
            }
            if start.elapsed() > START_TIMEOUT {
                bail!("the server is not ready after {START_TIMEOUT:?}; see {}", log.display());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends the test.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the test is still running.
    pub(super) fn is_running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Waits, but not longer than the test runs.
    pub(super) fn pause(&self, time: Duration) {
        let start = Instant::now();
        while self.is_running() && start.elapsed() < time {
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
    }

    /// Replaces the configuration file, like an editor.
    pub(super) fn configure(&self, text: &str) -> anyhow::Result<()> {
        let (new, file) = (self.folder.join("new.toml"), self.folder.join("pilotlight.toml"));
        fs::write(&new, text)?;
        Ok(fs::rename(new, file)?)
    }

    /// A valid configuration. Different numbers give configurations with the same effect.
    pub(super) fn configuration(&self, number: u64) -> String {
        let ports = (self.port, self.admin);
        configuration_text(&self.versions[0], ports, &self.token_file, number)
    }
}

impl Drop for SoakServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration_text(
    model: &Path,
    (port, admin): (u16, u16),
    token_file: &str,
    number: u64,
) -> String {
    let guest = build::test_guest("p3");
    format!(
        "listen = '127.0.0.1:{port}'\n\
         admin = {{ listen = '127.0.0.1:{admin}', token-file = '{token_file}' }}\n\
         http = {{ header-timeout = '2s', body-timeout = '2s', write-timeout = '5s' }}\n\
         [functions.model]\nsource = '{}'\n\
         [functions.faults]\nsource = '{}'\n\
         limits = {{ request-timeout = '1s', memory = '64MiB' }}\n\
         [[routes]]\nname = 'faults'\nmatch.header = {{ x-faults = '*' }}\nto = 'faults'\n\
         [[routes]]\nname = 'model'\n\
         to = [{{ target = 'model', weight = {} }}]\n",
        model.display(),
        guest.display(),
        number % 7 + 1,
    )
}
