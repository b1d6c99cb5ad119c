//! Keeps the cache within its bound, and rid of what killed processes left there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pilotlight_files::{TEMPORARY_PREFIX, remove_if_abandoned};
use pilotlight_model::Digest;

use super::digests::{DIGESTS, is_outdated};
use super::{Cache, Entry, LOCK, RECORD, stem};
use crate::error::Result;

/// Unit of what `stat` says of a file's blocks (POSIX leaves it open, Linux does not).
const BLOCK: u64 = 512;

/// The entries of one stem.
#[derive(Default)]
struct Group {
    files: Vec<PathBuf>,
    /// What they take of the disk: images are mostly holes.
    bytes: u64,
    /// When one of them was last used.
    used: Option<SystemTime>,
}

impl Cache {
    /// Removes what killed processes left, and then entries that no process uses, the least
    /// recently used first, until the rest is within the bound. Says how many bytes that freed.
    /// Other processes may use the folder meanwhile.
    ///
    /// # Errors
    /// [`crate::Error::Cache`] when the folder cannot be read.
    pub fn evict(&self) -> Result<u64> {
        let evicted = self.groups().map(|groups| self.evict_groups(groups));
        let freed = evicted.map_err(|error| self.refuse(&error))?;
        if freed > 0 {
            tracing::info!(freed, folder = %self.folder().display(), "evicted entries of the cache");
        }
        Ok(freed)
    }

    /// Removes an entry that turned out to be of no use, with what belongs to it, unless somebody else
    /// uses it.
    pub fn discard(&self, entry: Entry) {
        let name = entry.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.to_owned();
        drop(entry);
        self.discard_named(&name);
    }

    /// The same of the entry called `name`.
    pub(super) fn discard_named(&self, name: &str) {
        let stem = stem(name);
        let discarded = self.lock(stem).and_then(|_lock| {
            let group = self.groups()?.remove(stem).unwrap_or_default();
            Ok(self.remove_locked(stem, &group))
        });
        if let Err(error) = discarded {
            tracing::debug!(%stem, %error, "a damaged entry of the cache could not be removed");
        }
    }

    fn evict_groups(&self, groups: BTreeMap<String, Group>) -> u64 {
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, group)| group.used);
        let all: u64 = groups.iter().map(|(_, group)| group.bytes).sum();
        let mut freed = 0;
        for (stem, group) in &groups {
            if all - freed > self.bound() || group.used.is_none() {
                freed += self.remove_unused(stem, group).unwrap_or_default();
            } else if group.halves().next().is_some() {
                self.remove_halves(stem, group);
            }
        }
        freed
    }

    /// Removes all entries of a stem unless somebody uses one of them; says what that freed.
    fn remove_unused(&self, stem: &str, group: &Group) -> Option<u64> {
        let _lock = self.try_lock(stem)?;
        self.remove_locked(stem, group)
    }

    /// The same for whoever may write entries of the stem.
    fn remove_locked(&self, stem: &str, group: &Group) -> Option<u64> {
        let records: Vec<PathBuf> = group.contents().map(record_of).collect();
        let held: Vec<File> = records.iter().filter_map(|path| File::open(path).ok()).collect();
        // Who asks for an entry from now on waits, and finds that there is none.
        held.iter().try_for_each(|record| record.try_lock().ok())?;
        // A content without its record is no entry: never the other way round.
        records.iter().chain(&group.files).for_each(|path| remove(path));
        remove(&self.folder().join(format!("{stem}{LOCK}")));
        Some(group.bytes)
    }

    /// Removes contents whose records were never written, unless somebody is about to.
    fn remove_halves(&self, stem: &str, group: &Group) {
        if let Some(_lock) = self.try_lock(stem) {
            group.halves().filter(|path| !record_of(path).exists()).for_each(remove);
        }
    }

    /// What there is, and what is left over out of the way.
    fn groups(&self) -> io::Result<BTreeMap<String, Group>> {
        let mut groups = BTreeMap::<String, Group>::new();
        for file in fs::read_dir(self.folder())? {
            let path = file?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.starts_with(TEMPORARY_PREFIX) {
                remove_if_abandoned(&path);
            } else if name.ends_with(DIGESTS) {
                if is_outdated(&path) {
                    let _ = fs::remove_file(&path);
                }
            } else if Digest::from_hex(stem(name)).is_some() {
                groups.entry(stem(name).to_owned()).or_default().add(path);
            }
        }
        Ok(groups)
    }
}

impl Group {
    fn add(&mut self, path: PathBuf) {
        // Gone since it was listed: another process evicts, too.
        let Ok(metadata) = fs::symlink_metadata(&path) else { return };
        self.bytes += metadata.blocks() * BLOCK;
        if ends_with(&path, RECORD) {
            self.used = self.used.max(metadata.modified().ok());
        }
        self.files.push(path);
    }

    fn contents(&self) -> impl Iterator<Item = &Path> {
        let paths = self.files.iter().map(PathBuf::as_path);
        paths.filter(|path| !ends_with(path, RECORD) && !ends_with(path, LOCK))
    }

    /// Contents without records.
    fn halves(&self) -> impl Iterator<Item = &Path> {
        self.contents().filter(|path| !self.files.contains(&record_of(path)))
    }
}

fn record_of(content: &Path) -> PathBuf {
    let mut record = content.as_os_str().to_owned();
    record.push(RECORD);
    PathBuf::from(record)
}

fn ends_with(path: &Path, end: &str) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(end.as_bytes())
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(path = %path.display(), %error, "an entry of the cache could not be \
                evicted");
        }
        _ => {}
    }
}
