//! Values of flags.

use std::time::Duration;

/// Bytes: a number, or a number and KiB, MiB or GiB.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    text.parse().or_else(|_| pilotlight_config::size(text))
}

/// From a thousandth to a day.
pub(super) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=86_400.0).contains(seconds));
    let time = seconds.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "write 0.001 to 86400 seconds".to_owned())
}
