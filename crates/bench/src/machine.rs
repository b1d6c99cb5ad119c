use std::fs;
use std::thread;

use crate::report::Machine;

/// What can be known about this machine; unknown fields are empty.
pub(crate) fn describe() -> Machine {
    Machine {
        cores: thread::available_parallelism().map_or(1, usize::from),
        os: field("/etc/os-release", "PRETTY_NAME=")
            .unwrap_or_else(|| std::env::consts::OS.to_owned()),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map(|text| text.trim().to_owned())
            .unwrap_or_default(),
        cpu: field("/proc/cpuinfo", "model name").unwrap_or_default(),
    }
}

/// The value of the first line that starts with `key`, without separator and quotes.
fn field(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    let value = value.trim_matches(|c: char| c.is_whitespace() || c == ':' || c == '"');
    Some(value.to_owned())
}
