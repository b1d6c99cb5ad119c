//! Resident memory of a process and its children, from `/proc`.

use std::fs;

use crate::report::MemoryUse;

/// The process and all that descend from it; only the process itself where there is no `/proc`.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let parents = parents();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    family
}

/// The memory of a family together, unless the system does not tell.
pub(crate) fn of_family(root: u32) -> Option<MemoryUse> {
    let members = family(root);
    let uses = members.into_iter().filter_map(of_process);
    uses.reduce(|sum, next| MemoryUse {
        rss_bytes: sum.rss_bytes + next.rss_bytes,
        pss_bytes: sum.pss_bytes + next.pss_bytes,
        private_bytes: sum.private_bytes + next.private_bytes,
    })
}

fn of_process(process: u32) -> Option<MemoryUse> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    Some(MemoryUse {
        rss_bytes: bytes(&status, "VmRSS:")?,
        pss_bytes: bytes(&rollup, "Pss:")?,
        private_bytes: bytes(&rollup, "Private_Clean:")? + bytes(&rollup, "Private_Dirty:")?,
    })
}

/// The value in a line such as `Pss:   12 kB`.
fn bytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Each process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter_map(|process| Some((process, parent(process)?))).collect()
}

fn parent(process: u32) -> Option<u32> {
    stat(process, 1)?.parse().ok()
}

/// Whether a process is there and not just waiting to be reaped.
pub(crate) fn is_running(process: u32) -> bool {
    stat(process, 0).is_some_and(|state| state != "Z" && state != "X")
}

/// A field of `/proc/PID/stat`, counted from behind the name.
fn stat(process: u32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may itself hold spaces and parentheses.
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(field).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read() {
        let text = "Rss:  40 kB\nPss:      12 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(bytes(text, "Pss:"), Some(12 * 1024));
        assert_eq!(bytes(text, "Swap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory() {
        let memory = of_family(std::process::id()).unwrap();
        assert!(memory.rss_bytes >= memory.private_bytes && memory.private_bytes > 0);
    }
}
