use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::Step;

/// A bar on standard error, when that is a terminal.
pub(super) fn bar(quiet: bool) -> impl Fn(&Step) {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let bar = Cleared(bar);
    move |step| {
        bar.0.set_length(step.total as u64);
        bar.0.set_position(step.done as u64);
        bar.0.set_message(step.doing.clone());
        bar.0.tick();
    }
}

/// A bar that leaves the terminal as it was.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
