//! What a server's process and its children use, as Linux tells it.

use crate::memory::{family, of_family, stat};

/// Clock ticks of a second in `/proc`: Linux's `USER_HZ`.
const TICKS: f64 = 100.0;
/// Fields of `/proc/PID/stat` behind the name: user time and system time.
const TIMES: [usize; 2] = [11, 12];

/// A process, and the children that it had when it was looked at.
#[derive(Debug)]
pub(super) struct Process {
    id: u32,
    family: Vec<u32>,
}

impl Process {
    pub(super) fn new(id: u32) -> Self {
        Self { id, family: family(id) }
    }

    /// Seconds of processor time that those that run have used; nothing if the process has ended.
    pub(super) fn busy(&self) -> Option<f64> {
        busy(self.id)?;
        Some(self.family.iter().filter_map(|process| busy(*process)).sum())
    }

    /// Bytes of their resident memory. What processes share is divided among them.
    pub(super) fn resident(&self) -> Option<u64> {
        Some(of_family(self.id)?.pss_bytes)
    }
}

fn busy(process: u32) -> Option<f64> {
    let ticks = TIMES.map(|field| stat(process, field)?.parse::<f64>().ok());
    Some((ticks[0]? + ticks[1]?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_time_and_memory() {
        let this = Process::new(std::process::id());
        assert!(this.busy().is_some() && this.resident() > Some(1 << 20));
        assert!(Process::new(u32::MAX).busy().is_none());
    }
}
