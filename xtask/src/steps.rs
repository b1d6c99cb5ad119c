//! Steps of a long command: what runs, one after the other or side by side, and how long it took.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cargo::target;

/// A step and its name.
pub(crate) type Step<'a> = (&'static str, &'a (dyn Fn() -> anyhow::Result<()> + Sync));

thread_local! {
    /// Where the commands of this thread write, if not to the terminal.
    static LOG: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Has a command write where the steps of this thread write.
pub(crate) fn log(command: &mut Command) -> io::Result<()> {
    LOG.with_borrow(|log| {
        if let Some(file) = log {
            command.stdout(file.try_clone()?).stderr(file.try_clone()?);
        }
        Ok(())
    })
}

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

    /// Runs two lists of steps side by side. What the commands of the second write is shown when
    /// all of them have ended.
    pub(crate) fn run_both(&self, first: &[Step<'_>], second: &[Step<'_>]) -> anyhow::Result<()> {
        let path = target().join("steps.log");
        fs::create_dir_all(target())?;
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let results = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                LOG.set(Some(file));
                self.run(second)
            });
            let result = self.run(first);
            (result, other.join())
        });
        eprint!("{}", String::from_utf8_lossy(&fs::read(&path)?));
        fs::remove_file(&path)?;
        let (first, second) = results;
        let second = second.unwrap_or_else(|_| Err(anyhow::anyhow!("a step panicked")));
        match (first, second) {
            (Err(first), Err(second)) => Err(first.context(format!("{second:#}"))),
            (first, second) => first.and(second),
        }
    }
}

impl Drop for Times {
    /// Shows them, also those of a run that failed.
    fn drop(&mut self) {
        let times = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (name, time) in times {
            eprintln!("{:>7.1} s  {name}", time.as_secs_f64());
        }
    }
}
