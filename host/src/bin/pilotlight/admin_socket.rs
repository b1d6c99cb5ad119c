//! The default path of the administration's Unix socket, and how commands find it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Port of the functions for which the name of the socket has no number.
const USUAL_PORT: u16 = 3000;
/// Folder for services from packages, which systemd creates for `RuntimeDirectory=pilotlight`.
const SYSTEM: &str = "/run/pilotlight";
/// Name of the folder in a cache folder.
const IN_CACHE: &str = "run";

/// Path of the socket of a server whose functions are on `port`, in the first folder that can be
/// used; the last one is in its `cache` folder. Only one server of a machine can have a port, so
/// that several servers have different sockets.
pub(crate) fn default_path(port: u16, cache: Option<&Path>) -> anyhow::Result<PathBuf> {
    let mut reasons = Vec::new();
    for folder in folders().into_iter().chain(cache.map(|cache| cache.join(IN_CACHE))) {
        match make_private(&folder) {
            Ok(()) => return Ok(folder.join(name(port))),
            Err(reason) => reasons.push(format!("{}: {reason:#}", folder.display())),
        }
    }
    bail!("no folder can be used: {}", reasons.join("; "))
}

/// Socket of the only server that runs on this machine.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    find_in(&folders())
}

fn find_in(folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let (mut live, mut refused) = (Vec::new(), Vec::new());
    for path in folders.iter().flat_map(|folder| sockets(folder)) {
        match UnixStream::connect(&path) {
            Ok(_) => live.push(path),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => refused.push(path),
            // A server that was killed has left it.
            Err(_) => {}
        }
    }
    let list = |paths: &[PathBuf]| {
        let names = paths.iter().map(|path| format!("unix:{}", path.display()));
        names.collect::<Vec<_>>().join(", ")
    };
    match live.as_slice() {
        [only] => Ok(only.clone()),
        [] if !refused.is_empty() => {
            bail!(
                "{} can be opened only by its owner; run this command as that user",
                list(&refused)
            )
        }
        [] => {
            let folders = folders.iter().map(|folder| folder.display().to_string());
            bail!(
                "no running server was found: no socket in {} accepts connections; name its administration API with \
                 --admin unix:PATH, or with --admin http://HOST:PORT and --admin-token-file",
                folders.collect::<Vec<_>>().join(" or ")
            )
        }
        several => {
            bail!("several servers run on this machine; choose one with --admin: {}", list(several))
        }
    }
}

fn name(port: u16) -> String {
    if port == USUAL_PORT { "admin.sock".to_owned() } else { format!("admin-{port}.sock") }
}

/// Sockets of servers in a folder that only its owner can write to.
fn sockets(folder: &Path) -> Vec<PathBuf> {
    if fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o022 != 0) {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_socket = |name: &str| name.starts_with("admin") && name.ends_with(".sock");
    let entries = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_socket));
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Folder of the user's session, of the system, and in the user's cache folder.
fn folders() -> Vec<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let session = set("XDG_RUNTIME_DIR").map(|folder| folder.join("pilotlight"));
    let own = set("PILOTLIGHT_CACHE_DIR").or_else(|| {
        let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
        Some(base.join("pilotlight"))
    });
    let own = own.map(|folder| folder.join(IN_CACHE));
    session.into_iter().chain([PathBuf::from(SYSTEM)]).chain(own).collect()
}

/// Creates `folder` if it does not exist, and checks that no other user can create a socket in it.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .context("cannot be created")?;
    let metadata = fs::metadata(folder)?;
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        bail!("belongs to user {}, not to the current user {me}", metadata.uid());
    }
    if metadata.mode() & 0o022 != 0 {
        bail!("others can write to it; run chmod go-w");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_only_server_is_found_and_what_dead_ones_left_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned(), folder.path().join("absent")];
        let error = find_in(&folders).unwrap_err().to_string();
        assert!(error.contains("no running server") && error.contains("--admin"), "{error}");
        drop(UnixListener::bind(folder.path().join("admin.sock")).unwrap());
        let _other = UnixListener::bind(folder.path().join("other.sock")).unwrap();
        assert!(find_in(&folders).is_err());
        let path = folder.path().join(name(4000));
        let _one = UnixListener::bind(&path).unwrap();
        assert_eq!(find_in(&folders).unwrap(), path);
        let _two = UnixListener::bind(folder.path().join(name(4001))).unwrap();
        let error = find_in(&folders).unwrap_err().to_string();
        assert!(error.contains("admin-4000.sock") && error.contains("admin-4001.sock"), "{error}");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        make_private(&folder.path().join("a/b")).unwrap();
        let _one = UnixListener::bind(folder.path().join("admin.sock")).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(make_private(folder.path()).unwrap_err().to_string().contains("others can write"));
        assert!(find_in(&[folder.path().to_owned()]).is_err());
    }

    #[test]
    fn servers_at_different_ports_have_different_sockets() {
        assert_eq!([name(3000), name(3001)], ["admin.sock", "admin-3001.sock"]);
    }
}
