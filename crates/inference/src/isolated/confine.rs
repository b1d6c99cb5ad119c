//! What the child gives up before it computes.

use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use rustix::thread::set_no_new_privs;

/// The highest `oom_score_adj` (proc_pid_oom_score_adj(5)): it is started again, its parent is not.
const MOST_LIKELY: &str = "1000";
/// First descriptor beyond those that every process has.
const FIRST: libc::c_uint = 3;

/// Has the calling process end with its parent, gain no rights, leave no copies of texts in core
/// dumps (whose writing those who wait for it would wait for, too), ignore what asks the parent to
/// stop, which finishes its calls first, be the one that is ended where memory runs out, and have no
/// file but standard input, output and error.
///
/// # Errors
/// What the system refused.
pub(super) fn confine() -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Before its files in /proc are no longer its own. Without /proc it is one among others.
    let _ = std::fs::write("/proc/self/oom_score_adj", MOST_LIKELY);
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: no handler is installed, only the disposition changes.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: the process has just started; whatever else is open was inherited, and nothing in it
    // owns that.
    unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) };
    Ok(())
}
