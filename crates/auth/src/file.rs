//! Files that say who may ask.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::Error;

const LONGEST_LIST: usize = 1 << 20;
const LONGEST_SECRET: usize = 4 << 10;

/// Reads a list of who may ask, which nobody but its owner may write to.
pub(crate) fn read_list(path: &Path) -> Result<Zeroizing<String>, Error> {
    let writable = |path: &Path, mode| Error::Writable { path: path.to_owned(), mode };
    read(path, LONGEST_LIST, |_| 0o022, writable)
}

/// Reads a secret, which nobody may read but its owner, and the group it is given to by root.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, Error> {
    let exposed = |path: &Path, mode| Error::Exposed { path: path.to_owned(), mode };
    read(path, LONGEST_SECRET, exposing, exposed)
}

/// Permissions that show a secret to others. Kubernetes and systemd leave secrets to root and let
/// a service read them by its group.
fn exposing(owner: u32) -> u32 {
    if owner == 0 { 0o037 } else { 0o077 }
}

fn read(
    path: &Path,
    limit: usize,
    forbidden: impl Fn(u32) -> u32,
    refuse: impl Fn(&Path, u32) -> Error,
) -> Result<Zeroizing<String>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden(metadata.uid()) != 0 {
        return Err(refuse(path, mode));
    }
    let text = read_up_to(file, limit + 1).map_err(io)?;
    if text.len() > limit {
        return Err(Error::TooLong { path: path.to_owned(), limit });
    }
    Ok(text)
}

/// The text at the beginning of a file, in memory that is not moved while it is read and is
/// overwritten when it is dropped.
fn read_up_to(file: File, length: usize) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(length + 1));
    file.take(length as u64).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_may_read_what_is_root_s_only() {
        assert_eq!((0o640 & exposing(0), 0o640 & exposing(1000)), (0, 0o040));
        assert!([0o660, 0o644, 0o604].iter().all(|mode| mode & exposing(0) != 0));
    }
}
