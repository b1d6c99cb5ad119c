//! A Unix socket's place in the file system.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::error::Error;

/// Only this user may connect.
const MODE: u32 = 0o600;
/// Maximum length of a path that clients can connect to: `sun_path` of `sockaddr_un` has 108 bytes
/// on Linux, the last of which is a zero.
const LONGEST: usize = 107;

/// The name of a socket that is listened on; removed when dropped.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Tells it from one that somebody else has put there since.
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens at `path`.
    pub(super) fn bind(path: &Path) -> Result<(UnixListener, Self), Error> {
        let refuse = |reason: String| Error::Socket { path: path.to_owned(), reason };
        let failed = |error: std::io::Error| refuse(error.to_string());
        check_length(path).map_err(refuse)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        // In a folder of its own that nobody else can enter, until its mode is right.
        let folder = tempfile::Builder::new().prefix(".").tempdir_in(parent).map_err(failed)?;
        let made = folder.path().join("s");
        check_length(&made).map_err(refuse)?;
        let listener = UnixListener::bind(&made).map_err(failed)?;
        fs::set_permissions(&made, fs::Permissions::from_mode(MODE)).map_err(failed)?;
        let metadata = fs::metadata(&made).map_err(failed)?;
        link(&made, path, parent).map_err(refuse)?;
        let identity = (metadata.dev(), metadata.ino());
        Ok((listener, Self { path: path.to_owned(), identity }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses a path that nobody could connect to.
fn check_length(path: &Path) -> Result<(), String> {
    let length = path.as_os_str().len();
    if length <= LONGEST {
        return Ok(());
    }
    Err(format!(
        "{} has {length} bytes, more than the maximum of {LONGEST} for the path of a Unix socket; \
         choose a shorter one with --admin-socket",
        path.display()
    ))
}

/// Gives the socket `made` its name, which no other socket has then.
fn link(made: &Path, path: &Path, parent: &Path) -> Result<(), String> {
    loop {
        match fs::hard_link(made, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => make_way(path, parent)?,
            linked => return linked.map_err(|error| error.to_string()),
        }
    }
}

/// Removes the socket of a dead process; anything else at `path` stays.
fn make_way(path: &Path, parent: &Path) -> Result<(), String> {
    // Another process that finds the same socket dead must not remove the one that replaces it.
    let folder = File::open(parent).map_err(|error| error.to_string())?;
    folder.lock().map_err(|error| error.to_string())?;
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !metadata.file_type().is_socket() {
        return Err(
            "the path exists and is not a socket; remove it or choose another path".to_owned()
        );
    }
    match UnixStream::connect(path) {
        Ok(_) => Err("another process listens on it; stop it or choose another path".to_owned()),
        // Nobody has it open any more.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| error.to_string())
        }
        Err(error) => Err(format!("the existing socket could not be checked: {error}")),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path);
        if now.is_ok_and(|now| (now.dev(), now.ino()) == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a socket could not be removed");
        }
    }
}
