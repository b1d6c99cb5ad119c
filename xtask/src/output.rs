//! Where the commands of a thread write.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::process::Command;

thread_local! {
    /// Where the commands of this thread write, if not to the terminal.
    static LOG: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Has the commands of this thread write to `file` from now on.
pub(crate) fn write_to(file: File) {
    LOG.set(Some(file));
}

/// Whether the steps of this thread run beside others, which write to the terminal.
pub(crate) fn is_beside() -> bool {
    LOG.with_borrow(Option::is_some)
}

/// Has a command write where the steps of this thread write.
pub(crate) fn log(command: &mut Command) -> io::Result<()> {
    LOG.with_borrow(|log| {
        if let Some(file) = log {
            command.stdout(file.try_clone()?).stderr(file.try_clone()?);
        }
        Ok(())
    })
}
