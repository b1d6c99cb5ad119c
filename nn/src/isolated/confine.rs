//! What the child gives up before it computes.

use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use rustix::thread::set_no_new_privs;

/// First descriptor beyond those that every process has.
const FIRST: libc::c_uint = 3;

/// Has the calling process end with its parent, gain no rights, leave no copies of texts in core
/// dumps (whose writing those who wait for it would wait for, too), ignore what asks the parent to
/// stop, which finishes its calls first, and have no file but standard input, output and error.
///
/// # Errors
/// What the system refused.
pub(super) fn confine() -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
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
