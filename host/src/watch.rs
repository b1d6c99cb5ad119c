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
pub struct Watch {
    path: PathBuf,
    /// What was last known to be whole.
    known: Option<Identity>,
    /// What was there when it was last looked at.
    seen: Option<Identity>,
}

/// Changes with a file's content.
type Identity = [i64; 6];

impl Watch {
    /// Knows `path` as it is now. A component is a file; of a model folder its manifest, which has
    /// the digests of all other files, is what counts.
    pub fn new(path: &Path) -> Self {
        let path = watched(path);
        let known = identity(&path);
        Self { path, known, seen: known }
    }

    /// Whether there is something else since it last said so. [`Look::Now`] waits until it has been so
    /// at two looks: a file that is being written in place changes from look to look. A file that is
    /// gone is not news; it may come back.
    pub fn look(&mut self, how: Look) -> bool {
        let before = std::mem::replace(&mut self.seen, identity(&self.path));
        (how == Look::Whole || before == self.seen) && self.is_news()
    }

    /// [`Watch::look`] at each of `watches`; whether one of them has changed.
    pub fn look_at_all(watches: &mut [Self], how: Look) -> bool {
        watches.iter_mut().filter_map(|watch| watch.look(how).then_some(())).count() > 0
    }

    /// Whether it is `path` that is watched.
    pub fn is_of(&self, path: &Path) -> bool {
        self.path == watched(path)
    }

    fn is_news(&mut self) -> bool {
        let changed = self.seen.is_some() && self.seen != self.known;
        if changed {
            self.known = self.seen;
        }
        changed
    }
}

fn watched(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join(pilotlight_model::MANIFEST_FILE),
        false => path.to_owned(),
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
    fn changed(watch: &mut Watch) -> bool {
        let first = watch.look(Look::Now);
        first || watch.look(Look::Now)
    }

    #[test]
    fn a_change_is_told_once_and_only_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        fs::write(&file, "one").unwrap();
        let mut watch = Watch::new(&file);
        assert!(!changed(&mut watch));
        fs::write(&file, "one, two").unwrap();
        assert!(!watch.look(Look::Now), "it may still be written");
        fs::write(&file, "one, two, three").unwrap();
        assert!(!watch.look(Look::Now), "it was");
        assert!(watch.look(Look::Now));
        assert!(!changed(&mut watch));
    }

    #[test]
    fn files_renamed_over_and_links_moved_are_changes_and_absence_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other] = ["f", "g"].map(|name| folder.path().join(name));
        fs::write(&file, "one").unwrap();
        let mut watch = Watch::new(&file);
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(changed(&mut watch));
        fs::remove_file(&file).unwrap();
        assert!(!changed(&mut watch));
        // Kubernetes: the file is a link through a link to a folder, which is exchanged.
        for data in ["a", "b"] {
            fs::create_dir(folder.path().join(data)).unwrap();
            fs::write(folder.path().join(data).join("f"), data).unwrap();
        }
        symlink("a", folder.path().join("..data")).unwrap();
        symlink("..data/f", &file).unwrap();
        assert!(changed(&mut watch));
        symlink("b", folder.path().join("..new")).unwrap();
        fs::rename(folder.path().join("..new"), folder.path().join("..data")).unwrap();
        assert!(changed(&mut watch));
        assert!(!changed(&mut watch));
    }
}
