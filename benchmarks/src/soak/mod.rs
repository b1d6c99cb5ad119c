//! `cargo xtask soak`: load, faults, swaps, reloads and slow clients at the same time.

mod clients;
mod disruptions;
mod memory;
mod page;
mod server;
mod tally;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use xtask::build;
use xtask::cargo::{root, target};

use crate::http;
use memory::Memory;
use server::SoakServer;
use tally::Tally;

const DEFAULT_MINUTES: u64 = 30;
/// The share of the test in which memory, pools and caches may grow to their final size.
const WARM_UP: f64 = 1.0 / 3.0;

/// Runs the test for `--minutes N`.
///
/// # Errors
/// If a request was lost, a response was wrong, a failure was not counted, or the server grew.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let minutes = match arguments {
        [] => DEFAULT_MINUTES,
        [flag, minutes] if flag == "--minutes" => minutes.parse().context("--minutes")?,
        _ => bail!("usage: cargo xtask soak [--minutes N]"),
    };
    build::guests()?;
    build::component()?;
    let server = SoakServer::start()?;
    let (tally, memory) = (Tally::default(), Memory::default());
    soak(&server, Duration::from_secs(minutes * 60), &tally, &memory)?;
    let function = http::get(server.admin, "/status")?["functions"]["faults"].take();
    println!("{tally}\n{memory}");
    let page = page::write(minutes, &tally, &function, &memory);
    // A shorter run only tries the command; its figures are not for the documentation.
    let folder =
        if minutes >= DEFAULT_MINUTES { root().join("docs") } else { target().join("soak") };
    fs::write(folder.join("reliability-soak.md"), page)?;
    tally.check(&function)?;
    memory.check()
}

/// Runs all clients and disruptions for `time`, or until one of them fails.
fn soak(server: &SoakServer, time: Duration, tally: &Tally, memory: &Memory) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let tasks = [
            scope.spawn(|| clients::model(server, tally)),
            scope.spawn(|| clients::model(server, tally)),
            scope.spawn(|| clients::fresh_instances(server, tally)),
            scope.spawn(|| disruptions::faults(server, tally)),
            scope.spawn(|| disruptions::versions(server, tally)),
            scope.spawn(|| disruptions::configurations(server, tally)),
            scope.spawn(|| disruptions::slow_clients(server, tally)),
        ];
        let any_ended = || tasks.iter().any(|task| task.is_finished());
        let observed = observe(server, time, tally, memory, &any_ended);
        server.stop();
        for task in tasks {
            task.join().map_err(|_| anyhow!("a thread of the test panicked"))??;
        }
        observed
    })
}

/// Shows the progress and records the resources of the server each second.
fn observe(
    server: &SoakServer,
    time: Duration,
    tally: &Tally,
    memory: &Memory,
    any_ended: &dyn Fn() -> bool,
) -> anyhow::Result<()> {
    let start = Instant::now();
    while start.elapsed() < time && !any_ended() {
        std::thread::sleep(Duration::from_secs(1));
        let share = start.elapsed().as_secs_f64() / time.as_secs_f64();
        if share > WARM_UP {
            memory.sample(server.process())?;
        }
        eprint!("\r{:>3.0} %  {tally}", share.min(1.0) * 100.0);
    }
    eprintln!();
    Ok(())
}
