//! What was read from files, and is read again when they have changed.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use crate::watch::{FileCheck, FileWatcher};

/// A value from files. While they cannot be read, the last one stays.
#[derive(Debug)]
pub struct Reloaded<T> {
    value: RwLock<T>,
    files: Mutex<Files>,
}

#[derive(Debug)]
struct Files {
    watchers: Vec<FileWatcher>,
    /// Why they could not be read the last time; then the next look reads them again.
    refused: Option<String>,
}

impl<T: Clone> Reloaded<T> {
    /// Reads a value; `read` says from which files it was, of which `known` are those that are
    /// known before.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<E>(
        known: &[&Path],
        read: impl FnOnce() -> Result<(T, Vec<PathBuf>), E>,
    ) -> Result<Self, E> {
        // Before they are read: a change meanwhile is noticed afterwards.
        let watchers = known.iter().map(|path| FileWatcher::new(path)).collect();
        let (value, paths) = read()?;
        let mut files = Files { watchers, refused: None };
        files.watch(&paths);
        Ok(Self { value: RwLock::new(value), files: Mutex::new(files) })
    }

    /// The last value that could be read.
    pub fn get(&self) -> T {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads it again if a file has changed, and tells the log; `what` is what it is.
    pub fn check_files<E: Display>(
        &self,
        check: FileCheck,
        what: &str,
        read: impl FnOnce(&T) -> Result<(T, Vec<PathBuf>), E>,
    ) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.changed(check) {
            return;
        }
        match read(&self.get()) {
            Ok((value, paths)) => {
                *self.value.write().unwrap_or_else(PoisonError::into_inner) = value;
                files.watch(&paths);
                files.refused = None;
                tracing::info!(what, "files have been reloaded");
            }
            Err(error) => {
                let error = error.to_string();
                if files.refused.as_ref() != Some(&error) {
                    tracing::error!(
                        what,
                        error,
                        "changed files cannot be loaded; the previous content stays in use"
                    );
                }
                files.refused = Some(error);
            }
        }
    }
}

impl Files {
    fn changed(&mut self, check: FileCheck) -> bool {
        FileWatcher::check_all(&mut self.watchers, check) || self.refused.is_some()
    }

    /// Watches `paths`, and nothing else.
    fn watch(&mut self, paths: &[PathBuf]) {
        self.watchers.retain(|watcher| paths.iter().any(|path| watcher.is_of(path)));
        for path in paths {
            if !self.watchers.iter().any(|watcher| watcher.is_of(path)) {
                self.watchers.push(FileWatcher::new(path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    type Read = std::io::Result<(String, Vec<PathBuf>)>;

    #[test]
    fn what_cannot_be_read_stays_and_is_read_once_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let [file, named] = ["f", "g"].map(|name| folder.path().join(name));
        // The file names another, which holds the value.
        let read = || -> Read {
            let other = folder.path().join(fs::read_to_string(&file)?);
            Ok((fs::read_to_string(&other)?, vec![file.clone(), other]))
        };
        fs::write(&file, "g").unwrap();
        fs::write(&named, "one").unwrap();
        let reloaded = Reloaded::read(&[&file], read).unwrap();
        let look = || reloaded.check_files(FileCheck::Requested, "it", |_: &String| read());
        look();
        assert_eq!(reloaded.get(), "one");
        fs::write(&named, "two").unwrap();
        look();
        assert_eq!(reloaded.get(), "two");
        fs::write(&file, "next").unwrap();
        look();
        assert_eq!(reloaded.get(), "two", "there is no file called so");
        fs::write(folder.path().join("next"), "three").unwrap();
        look();
        assert_eq!(reloaded.get(), "three");
        // No longer one of its files.
        fs::remove_file(&named).unwrap();
        fs::write(folder.path().join("next"), "four").unwrap();
        look();
        assert_eq!(reloaded.get(), "four");
    }
}
