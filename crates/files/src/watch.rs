//! File watching by polling (docs/decisions/0029): a file may be renamed over, written in place, or
//! exchanged by moving a symbolic link somewhere on its path, as Kubernetes does for a ConfigMap.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The usual interval between two looks at a file.
pub const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Depth of a check for changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileCheck {
    /// Periodically: a file that is being written is left for the next look.
    Periodic,
    /// On request, when somebody says that all files are complete.
    Requested,
}

/// Reports that a file has changed. It has no clock: [`FileWatcher::check_files`] checks once.
#[derive(Debug, Clone)]
pub struct FileWatcher {
    polled: Polled,
    /// The state that was reported last.
    known: Option<Identity>,
}

impl FileWatcher {
    /// Watches `path`, whose present state is not reported.
    pub fn new(path: &Path) -> Self {
        let mut polled = Polled::new(path);
        let known =
            polled.check_files(FileCheck::Requested).and_then(|state| state.as_ref().ok().copied());
        Self { polled, known }
    }

    /// Whether the file has changed since the last report. [`FileCheck::Periodic`] waits for two looks that
    /// agree: a file that is being written in place changes from look to look. A missing file is not
    /// a change; it may come back.
    pub fn check_files(&mut self, how: FileCheck) -> bool {
        let Some(&Ok(state)) = self.polled.check_files(how) else { return false };
        self.known.replace(state) != Some(state)
    }

    /// Calls [`FileWatcher::check_files`] on each of `watchers`; whether one of the files has changed.
    pub fn check_all(watchers: &mut [Self], how: FileCheck) -> bool {
        watchers.iter_mut().filter_map(|watcher| watcher.check_files(how).then_some(())).count() > 0
    }

    /// Whether `path` is watched.
    pub fn is_of(&self, path: &Path) -> bool {
        self.polled.path == path
    }
}

/// A path, and what the last look at it found.
#[derive(Debug, Clone)]
pub(crate) struct Polled {
    path: PathBuf,
    seen: Option<State>,
}

/// The file that a path leads to, or why there is none.
pub(crate) type State = Result<Identity, String>;

/// What changes with the content of a file: device, inode, size and times.
pub(crate) type Identity = [i64; 6];

impl Polled {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The state of the path; for [`FileCheck::Periodic`] only if it is the same as at the look before.
    pub(crate) fn check_files(&mut self, how: FileCheck) -> Option<&State> {
        let now = state(&self.path);
        let settled = how == FileCheck::Requested || self.seen.as_ref() == Some(&now);
        self.seen = Some(now);
        self.seen.as_ref().filter(|_| settled)
    }
}

fn state(path: &Path) -> State {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(identity(&metadata)),
        Ok(_) => Err("not a file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) fn identity(metadata: &std::fs::Metadata) -> Identity {
    [
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime().wrapping_mul(1_000_000_000).wrapping_add(metadata.ctime_nsec()),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Looks twice: the second look knows whether the first still holds.
    fn changed(watcher: &mut FileWatcher) -> bool {
        let first = watcher.check_files(FileCheck::Periodic);
        first || watcher.check_files(FileCheck::Periodic)
    }

    #[test]
    fn a_change_is_told_once_and_only_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        fs::write(&file, "one").unwrap();
        let mut watcher = FileWatcher::new(&file);
        assert!(!changed(&mut watcher));
        fs::write(&file, "one, two").unwrap();
        assert!(!watcher.check_files(FileCheck::Periodic), "it may still be written");
        fs::write(&file, "one, two, three").unwrap();
        assert!(!watcher.check_files(FileCheck::Periodic), "it was");
        assert!(watcher.check_files(FileCheck::Periodic));
        assert!(!changed(&mut watcher));
    }

    #[test]
    fn files_renamed_over_and_links_moved_are_changes_and_absence_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other] = ["f", "g"].map(|name| folder.path().join(name));
        fs::write(&file, "one").unwrap();
        let mut watcher = FileWatcher::new(&file);
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(changed(&mut watcher));
        fs::remove_file(&file).unwrap();
        assert!(!changed(&mut watcher));
        // Kubernetes: the file is a link through a link to a folder, which is exchanged.
        for data in ["a", "b"] {
            fs::create_dir(folder.path().join(data)).unwrap();
            fs::write(folder.path().join(data).join("f"), data).unwrap();
        }
        symlink("a", folder.path().join("..data")).unwrap();
        symlink("..data/f", &file).unwrap();
        assert!(changed(&mut watcher));
        symlink("b", folder.path().join("..new")).unwrap();
        fs::rename(folder.path().join("..new"), folder.path().join("..data")).unwrap();
        assert!(changed(&mut watcher));
        assert!(!changed(&mut watcher));
    }
}
