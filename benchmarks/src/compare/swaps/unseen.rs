//! Swaps to bundles that compute on the host, under load: bundles that the server has never seen, whose weights it packs,
//! and the same bundles after a restart, whose weights it maps from the cache.

use std::fs;
use std::path::{Path, PathBuf};

use xtask::cargo::target;

use super::{CONNECTIONS, LOAD, ROUNDS, Round, bench, change, finished, spec};
use crate::compare::report::number;
use crate::compare::runner::Runner;
use crate::second_version;

/// Duration of a phase in seconds.
const PHASE: u32 = 12;

/// The results.
pub(super) struct Unseen {
    /// Requests per second.
    pub(super) rate: String,
    /// Swaps to bundles that were never seen.
    pub(super) first: Swaps,
    /// Swaps to the same bundles by another process with the same cache.
    pub(super) again: Swaps,
}

/// Swaps to one bundle after the other.
pub(super) struct Swaps {
    /// A phase without a swap and one with a swap for each bundle.
    pub(super) rounds: Vec<Round>,
    /// Durations in milliseconds, sorted.
    pub(super) times: Vec<f64>,
}

pub(super) fn measure(runner: &Runner) -> anyhow::Result<Unseen> {
    let folder = target().join("compare/swaps/unseen");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let count = if runner.is_quick() { 1 } else { ROUNDS };
    let bundles = (0..=count).map(|number| second_version::build_on_host(&folder, number));
    let bundles = bundles.collect::<anyhow::Result<Vec<_>>>()?;
    let cache = folder.join("cache");
    let rate = format!("{:.1}", (peak(runner, &bundles[0], &cache)? * LOAD).max(1.0));
    let first = swaps(runner, (&bundles, &cache), &rate)?;
    let again = swaps(runner, (&bundles, &cache), &rate)?;
    Ok(Unseen { rate, first, again })
}

/// Requests per second at saturation.
fn peak(runner: &Runner, bundle: &Path, cache: &Path) -> anyhow::Result<f64> {
    let spec = spec(bundle, cache)?;
    let _server = spec.start()?;
    let seconds = runner.seconds(10);
    let closed = ["--concurrency", CONNECTIONS, "--duration", &seconds];
    Ok(number(&bench(runner, &spec, &closed)?["requests_per_second"]))
}

/// Starts a server with the first bundle, and swaps to each of the others while requests arrive at `rate`.
fn swaps(
    runner: &Runner,
    (bundles, cache): (&[PathBuf], &Path),
    rate: &str,
) -> anyhow::Result<Swaps> {
    let spec = spec(&bundles[0], cache)?;
    let server = spec.start()?;
    let seconds = runner.seconds(PHASE);
    let open = ["--rate", rate, "--arrivals", "poisson", "--duration", &seconds];
    let mut swaps = Swaps { rounds: Vec::new(), times: Vec::new() };
    for bundle in &bundles[1..] {
        let unchanged = bench(runner, &spec, &open)?;
        let (changing, took) = std::thread::scope(|scope| {
            let change = scope.spawn(|| change(&server, bundle));
            (bench(runner, &spec, &open), change.join())
        });
        swaps.times.push(finished(took)?);
        swaps.rounds.push(Round { unchanged, changing: changing? });
    }
    swaps.times.sort_by(f64::total_cmp);
    Ok(swaps)
}
