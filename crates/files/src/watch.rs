//! Notices that a file has another content, however it came to it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As from time to time: what is being written is left for the next look.
    Now,
    /// By somebody's word that they are whole.
    Whole,
}

/// A file that is looked at from time to time. Renamed over, written in place, or exchanged by
/// moving a link somewhere on its path (as Kubernetes does): what the path leads to counts.
#[derive(Debug, Clone)]
pub struct FileWatcher {
    path: PathBuf,
    /// What was last known to be whole.
    known: Option<Identity>,
    /// What was there when it was last looked at.
    seen: Option<Identity>,
}

/// Changes with a file's content.
type Identity = [i64; 6];

impl FileWatcher {
    /// Takes `path` as it is now as known.
    pub fn new(path: &Path) -> Self {
        let known = identity(path);
        Self { path: path.to_owned(), known, seen: known }
    }

    /// Whether there is something else since it last said so. [`Look::Now`] waits until it has been so
    /// at two looks: a file that is being written in place changes from look to look. A file that is
    /// gone is not news; it may come back.
    pub fn look(&mut self, how: Look) -> bool {
        let before = std::mem::replace(&mut self.seen, identity(&self.path));
        (how == Look::Whole || before == self.seen) && self.is_news()
    }

    /// [`FileWatcher::look`] at each of `watchers`; whether one of them has changed.
    pub fn look_at_all(watchers: &mut [Self], how: Look) -> bool {
        watchers.iter_mut().filter_map(|watcher| watcher.look(how).then_some(())).count() > 0
    }

    /// Whether it is `path` that is watched.
    pub fn is_of(&self, path: &Path) -> bool {
        self.path == path
    }

    fn is_news(&mut self) -> bool {
        let changed = self.seen.is_some() && self.seen != self.known;
        if changed {
            self.known = self.seen;
        }
        changed
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some([
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime().wrapping_mul(1_000_000_000).wrapping_add(metadata.ctime_nsec()),
    ])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Looks twice: the second look knows whether the first still holds.
    fn changed(watcher: &mut FileWatcher) -> bool {
        let first = watcher.look(Look::Now);
        first || watcher.look(Look::Now)
    }

    #[test]
    fn a_change_is_told_once_and_only_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        fs::write(&file, "one").unwrap();
        let mut watcher = FileWatcher::new(&file);
        assert!(!changed(&mut watcher));
        fs::write(&file, "one, two").unwrap();
        assert!(!watcher.look(Look::Now), "it may still be written");
        fs::write(&file, "one, two, three").unwrap();
        assert!(!watcher.look(Look::Now), "it was");
        assert!(watcher.look(Look::Now));
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
