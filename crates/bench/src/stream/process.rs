//! What a server's process uses, as Linux tells it.

use std::fs;

/// Clock ticks of a second in `/proc`: Linux's `USER_HZ`.
const TICKS: f64 = 100.0;
/// Fields of `/proc/PID/stat` behind the name: user time and system time.
const TIMES: [usize; 2] = [11, 12];

/// A process by its id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process(pub(super) u32);

impl Process {
    /// Seconds of processor time that it has used.
    pub(super) fn busy(self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = TIMES.map(|field| fields.get(field)?.parse::<f64>().ok());
        Some((ticks[0]? + ticks[1]?) / TICKS)
    }

    /// Bytes of its resident memory.
    pub(super) fn resident(self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_time_and_memory() {
        let this = Process(std::process::id());
        assert!(this.busy().is_some() && this.resident() > Some(1 << 20));
        assert!(Process(u32::MAX).busy().is_none());
    }
}
