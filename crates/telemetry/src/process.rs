//! What Linux knows of this process (proc(5)). Elsewhere there is nothing to tell.

use std::fs::read_to_string;
use std::time::SystemTime;

use crate::catalog;
use crate::family::{Description, Family, Series, Value, labels};

pub(crate) fn families(since: SystemTime) -> Vec<Family> {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let stat = Stat::read();
    let kibibytes = |key: &str| number(&status, key).map(|value| value * 1024);
    let kinds = [("anonymous", "RssAnon:"), ("file", "RssFile:"), ("shared", "RssShmem:")];
    let by_kind = kinds.into_iter().filter_map(|(kind, key)| {
        let value = Value::Whole(kibibytes(key)?);
        Some(Series { labels: labels([("kind", kind)]), since, value })
    });
    let one = |about: &'static Description, value: Option<Value>| {
        let series = value.map(|value| Series { labels: Vec::new(), since, value });
        Family::new(about, series.into_iter().collect())
    };
    let whole = |value: Option<u64>| value.map(Value::Whole);
    let families = [
        Family::new(&catalog::RESIDENT_BY_KIND, by_kind.collect()),
        one(&catalog::CPU_SECONDS, stat.as_ref().map(|stat| Value::Real(stat.cpu))),
        one(&catalog::RESIDENT, whole(kibibytes("VmRSS:"))),
        one(&catalog::VIRTUAL, whole(kibibytes("VmSize:"))),
        one(&catalog::THREADS, whole(number(&status, "Threads:"))),
        one(&catalog::OPEN_FDS, whole(open_files())),
        one(&catalog::MAX_FDS, whole(most_files())),
        one(&catalog::START_TIME, stat.and_then(|stat| stat.started).map(Value::Real)),
    ];
    families.into_iter().filter(|family| !family.series.is_empty()).collect()
}

/// The number after `key` at the beginning of a line.
fn number(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<u64> {
    // The folder is open itself while it is read.
    let entries = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some(entries.saturating_sub(1))
}

fn most_files() -> Option<u64> {
    number(&read_to_string("/proc/self/limits").ok()?, "Max open files")
}

struct Stat {
    /// Seconds.
    cpu: f64,
    /// Seconds since 1970.
    started: Option<f64>,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name, which may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Those that proc(5) numbers from 3 on.
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let second = rustix::param::clock_ticks_per_second() as f64;
        let booted = read_to_string("/proc/stat").ok().and_then(|text| number(&text, "btime "));
        let started = ticks(22)? as f64 / second;
        Some(Self {
            cpu: (ticks(14)? + ticks(15)?) as f64 / second,
            started: booted.map(|booted| booted as f64 + started),
        })
    }
}
