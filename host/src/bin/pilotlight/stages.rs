use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pilotlight::Stage;

/// Shows the stages of a build on standard error: the running one with its elapsed time if it is a
/// terminal, and a line for each that has ended.
pub(crate) struct Stages(Mutex<Option<(Stage, Instant, ProgressBar)>>);

impl Stages {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn begin(&self, stage: Stage) {
        self.replace(Some(stage));
    }

    pub(crate) fn end(&self) {
        self.replace(None);
    }

    fn replace(&self, next: Option<Stage>) {
        let Ok(mut running) = self.0.lock() else { return };
        if let Some((stage, start, bar)) = running.take() {
            bar.finish_and_clear();
            eprintln!("{stage}: {:.1} s", start.elapsed().as_secs_f64());
        }
        *running = next.map(|stage| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
            let bar = ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
                .with_message(stage.to_string());
            bar.enable_steady_tick(Duration::from_millis(100));
            (stage, Instant::now(), bar)
        });
    }
}
