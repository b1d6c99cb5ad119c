//! How the kernel schedules our threads. All of them have the same priority: a request that waits
//! for a thread of lower priority waits for every other program on the machine, too. They differ
//! in how long they run at a stretch (sched(7), sched_setattr(2), Linux 6.12 and later).
//!
//! Without the kernel's help everything works, so refusals do not matter.

/// For threads that answer requests: they run for tens of microseconds, and with a short slice they
/// run as soon as they have something to do, instead of when another program's slice is over.
pub fn prefer_latency() {
    set(Policy::Other, LATENCY_SLICE);
}

/// For threads that compute for milliseconds, and those that work ahead of requests: they do not
/// interrupt a thread that answers requests.
pub fn prefer_throughput() {
    set(Policy::Batch, 0);
}

/// In nanoseconds; the kernel takes nothing shorter.
const LATENCY_SLICE: u64 = 100_000;

enum Policy {
    Other,
    Batch,
}

#[cfg(target_os = "linux")]
fn set(policy: Policy, slice: u64) {
    /// `struct sched_attr` of linux/sched/types.h, in its first version.
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let policy = match policy {
        Policy::Other => libc::SCHED_OTHER,
        Policy::Batch => libc::SCHED_BATCH,
    };
    // SAFETY: zero is the calling thread; nothing is passed but numbers.
    let nice = 20 - unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) };
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: policy.cast_unsigned(),
        flags: 0,
        nice: nice as i32,
        priority: 0,
        runtime: slice,
        deadline: 0,
        period: 0,
    };
    // SAFETY: zero is the calling thread; the attributes are only read, and only during the call.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(not(target_os = "linux"))]
fn set(_: Policy, _: u64) {}
