//! Threads that compute, and step back for those that answer.

/// Lets the calling thread yield to ordinary ones, a tenth of a share beside theirs: they take
/// microseconds where a run takes milliseconds. At the same priority `/health` waited 8 ms for a
/// core (99th percentile, all cores computing), like this 3 ms. Less (idle scheduling, nice 19)
/// starves computing where other programs use the cores. Without it everything works, so that
/// refusals do not matter.
#[cfg(target_os = "linux")]
pub(crate) fn step_back() {
    const NICE: libc::c_int = 10;
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: zero is the calling thread; the parameter is read only during the call. The C
    // library's own functions are not used because musl's refuse.
    unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_BATCH, &raw const priority);
        libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, NICE);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn step_back() {}
