//! A Unix socket's place in the file system.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::error::{Error, Result};

/// Only this user may connect.
const MODE: u32 = 0o600;

/// The name of a socket that is listened on; removed when dropped.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Tells it from one that somebody else has put there since.
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens at `path`.
    pub(super) fn bind(path: &Path) -> Result<(UnixListener, Self)> {
        let refuse = |reason: String| Error::Socket { path: path.to_owned(), reason };
        let failed = |error: std::io::Error| refuse(error.to_string());
        make_way(path).map_err(refuse)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        // In a folder of its own that nobody else can enter, until its mode is right.
        let folder = tempfile::Builder::new().prefix(".").tempdir_in(parent).map_err(failed)?;
        let made = folder.path().join("s");
        let listener = UnixListener::bind(&made).map_err(failed)?;
        fs::set_permissions(&made, fs::Permissions::from_mode(MODE)).map_err(failed)?;
        let metadata = fs::metadata(&made).map_err(failed)?;
        fs::rename(&made, path).map_err(failed)?;
        let identity = (metadata.dev(), metadata.ino());
        Ok((listener, Self { path: path.to_owned(), identity }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes sure that nobody misses what is at `path`.
fn make_way(path: &Path) -> std::result::Result<(), String> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !metadata.file_type().is_socket() {
        return Err("there is something that is no socket; remove it or name another".to_owned());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err("another process listens there; stop it or name another".to_owned()),
        // Nobody has it open any more.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(format!("there is a socket that somebody may need: {error}")),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path);
        if now.is_ok_and(|now| (now.dev(), now.ino()) == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a socket stays behind");
        }
    }
}
