//! The child as a process: how it is started and ended.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::isolated::socket::{Broken, Socket};

/// What ONNX Runtime, its providers and the system's loader look at. The child has nothing else of
/// this process's environment.
const ENVIRONMENT: [&str; 6] = [
    "CUDA_CACHE_PATH",
    "CUDA_DEVICE_ORDER",
    "CUDA_MODULE_LOADING",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "ORT_DYLIB_PATH",
];

/// A program that calls [`crate::isolated::work`].
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) file: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

/// A running child. Dropped, it is killed and waited for.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Ends with the child.
    pub(super) control: Arc<Socket>,
}

impl Process {
    /// Starts `program`. It ends with the thread that called this.
    pub(super) fn spawn(program: &Program) -> Result<Self, Broken> {
        let (control, theirs) = Socket::pair()?;
        let kept = ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let child = Command::new(&program.file)
            .args(&program.arguments)
            .env_clear()
            .envs(kept)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child, control: Arc::new(control) })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it, if it has not ended already; says how it did.
    pub(super) fn end(mut self) -> String {
        // Of one that has ended by itself the first end counts.
        let _ = self.child.kill();
        self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
