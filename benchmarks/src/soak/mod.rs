//! `cargo xtask soak`: everything at once, for as long as one likes, and an account of it at the end.

mod account;
mod callers;
mod disturbances;
mod memory;
mod page;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use xtask::build::{self, binary};
use xtask::cargo::{root, target};

use crate::http;
use crate::second_version;
use account::Account;
use memory::Memory;

const DEFAULT_MINUTES: u64 = 30;
const PATIENCE: Duration = Duration::from_secs(120);
/// Until then memory, pools and caches may grow to what they are going to be.
const WARM_UP: f64 = 1.0 / 3.0;

/// The server under test, and how it is reached.
struct Soak {
    child: Child,
    port: u16,
    admin: u16,
    token_file: String,
    folder: PathBuf,
    versions: [PathBuf; 2],
    stop: AtomicBool,
}

/// Runs for `--minutes N`.
///
/// # Errors
/// When anything was lost, wrong, not accounted for, or grew.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let minutes = match arguments {
        [] => DEFAULT_MINUTES,
        [flag, minutes] if flag == "--minutes" => minutes.parse().context("--minutes")?,
        _ => bail!("cargo xtask soak [--minutes N]"),
    };
    build::guests()?;
    build::component()?;
    let soak = Soak::start()?;
    let (account, memory) = (Account::default(), Memory::default());
    let time = Duration::from_secs(minutes * 60);
    let start = Instant::now();
    let outcome = std::thread::scope(|scope| -> anyhow::Result<()> {
        let (soak, account) = (&soak, &account);
        let tasks = [
            scope.spawn(|| callers::model(soak, account)),
            scope.spawn(|| callers::model(soak, account)),
            scope.spawn(|| callers::bystander(soak, account)),
            scope.spawn(|| disturbances::faults(soak, account)),
            scope.spawn(|| disturbances::versions(soak, account)),
            scope.spawn(|| disturbances::configurations(soak, account)),
            scope.spawn(|| disturbances::slow_clients(soak, account)),
        ];
        while start.elapsed() < time && !tasks.iter().any(|task| task.is_finished()) {
            std::thread::sleep(Duration::from_secs(1));
            let share = start.elapsed().as_secs_f64() / time.as_secs_f64();
            if share > WARM_UP {
                memory.look(soak.child.id())?;
            }
            eprint!("\r{:>3.0} %  {account}", share.min(1.0) * 100.0);
        }
        eprintln!();
        soak.stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.join().map_err(|_| anyhow::anyhow!("a part of the test panicked"))??;
        }
        Ok(())
    });
    outcome?;
    let failures = http::get(soak.admin, "/status")?["functions"]["faults"].take();
    println!("{account}\n{memory}");
    let page = page::write(minutes, &account, &failures, &memory);
    // A shorter one tries the command; its figures are not for the documentation.
    let folder =
        if minutes >= DEFAULT_MINUTES { root().join("docs") } else { target().join("soak") };
    fs::write(folder.join("reliability-soak.md"), page)?;
    account.check(&failures)?;
    memory.check()
}

impl Soak {
    fn start() -> anyhow::Result<Self> {
        let folder = target().join("soak");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let versions = [build::component_file(), second_version::build(&folder)?];
        let [port, admin] = [http::free_port()?, http::free_port()?];
        let configuration = folder.join("pilotlight.toml");
        let token_file = http::token_file()?;
        let text = configuration_text(&versions[0], (port, admin), &token_file, 0);
        fs::write(&configuration, text)?;
        let log = fs::File::create(folder.join("log"))?;
        let mut command = Command::new(binary());
        command.arg("serve").arg("--config").arg(&configuration);
        command.arg("--cache-dir").arg(folder.join("cache"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let mut soak =
            Self { child, port, admin, token_file, folder, versions, stop: AtomicBool::new(false) };
        let start = Instant::now();
        while http::get(admin, "/ready").is_err() {
            if let Some(status) = soak.child.try_wait()? {
                bail!("the server ended: {status}; see {}", soak.folder.join("log").display());
            }
            if start.elapsed() > PATIENCE {
                bail!("the server is not ready");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(soak)
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Puts another text in the place of the configuration, as editors do.
    fn configure(&self, text: &str) -> anyhow::Result<()> {
        let (new, file) = (self.folder.join("new.toml"), self.folder.join("pilotlight.toml"));
        fs::write(&new, text)?;
        Ok(fs::rename(new, file)?)
    }

    /// The configuration; `turn` changes something that callers do not notice.
    fn configuration(&self, turn: u64) -> String {
        configuration_text(&self.versions[0], (self.port, self.admin), &self.token_file, turn)
    }

    /// A pause that ends when the test does.
    fn pause(&self, time: Duration) {
        let start = Instant::now();
        while self.goes_on() && start.elapsed() < time {
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
    }
}

impl Drop for Soak {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration_text(
    model: &std::path::Path,
    (port, admin): (u16, u16),
    token_file: &str,
    turn: u64,
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
        turn % 7 + 1,
    )
}
