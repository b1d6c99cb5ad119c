//! Steps of a long command: what runs, one after the other or side by side, and how long it took.

use std::fs::{self, File};
use std::io::{self, Seek as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::cargo::target;
use crate::output;

/// A step and its name.
pub(crate) type Step<'a> = (&'static str, &'a (dyn Fn() -> anyhow::Result<()> + Sync));

/// How long each step took.
#[derive(Default)]
pub(crate) struct Times(Mutex<Vec<(&'static str, Duration)>>);

impl Times {
    /// Runs steps one after the other.
    pub(crate) fn run(&self, steps: &[Step<'_>]) -> anyhow::Result<()> {
        for (name, step) in steps {
            eprintln!("== {name}");
            let start = Instant::now();
            let result = step();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, start.elapsed()));
            result.context(*name)?;
        }
        Ok(())
    }

    /// Runs lists of steps side by side. What the commands of the first write goes to the terminal;
    /// that of the others is shown when all have ended.
    pub(crate) fn run_side_by_side(&self, lanes: &[&[Step<'_>]]) -> anyhow::Result<()> {
        let [first, others @ ..] = lanes else { return Ok(()) };
        let logs = others.iter().map(|_| tempfile()).collect::<anyhow::Result<Vec<_>>>()?;
        let mut results = std::thread::scope(|scope| {
            let running: Vec<_> = others
                .iter()
                .zip(&logs)
                .map(|(steps, log)| {
                    scope.spawn(|| {
                        output::write_to(log.try_clone()?);
                        self.run(steps)
                    })
                })
                .collect();
            let first = self.run(first);
            let ended = running.into_iter().map(|lane| lane.join());
            let ended = ended.map(|result| result.unwrap_or_else(|_| bail!("a step panicked")));
            [first].into_iter().chain(ended).collect::<Vec<_>>()
        });
        for mut log in logs {
            log.rewind()?;
            io::copy(&mut log, &mut io::stderr())?;
        }
        results.retain(Result::is_err);
        results
            .into_iter()
            .reduce(|all, one| match (all, one) {
                (Err(all), Err(one)) => Err(all.context(format!("{one:#}"))),
                (all, _) => all,
            })
            .unwrap_or(Ok(()))
    }
}

/// A file that nobody else sees.
fn tempfile() -> anyhow::Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("step-{}-{}.log", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = target().join(name);
    fs::create_dir_all(target())?;
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.with_context(|| path.display().to_string())?;
    fs::remove_file(&path)?;
    Ok(file)
}

impl Drop for Times {
    /// Shows them, also those of a run that failed.
    fn drop(&mut self) {
        let times = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (name, time) in times.iter().filter(|(_, time)| *time >= Duration::from_secs(1)) {
            eprintln!("{:>7.1} s  {name}", time.as_secs_f64());
        }
    }
}
