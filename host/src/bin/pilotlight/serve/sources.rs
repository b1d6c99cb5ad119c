//! Files that functions are loaded from, and errors of functions that could not be loaded.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pilotlight_files::{FileCheck, FileWatcher};

use super::blueprint::Blueprint;

const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The files of functions, by the names of the functions.
#[derive(Clone, Default)]
pub(super) struct Sources(BTreeMap<String, Files>);

#[derive(Clone)]
struct Files {
    watches: Vec<FileWatcher>,
    refused: Option<Refused>,
}

/// A version that could not be loaded. Loading is tried again, with increasing pauses, because
/// files may be missing only for now.
#[derive(Clone)]
pub(super) struct Refused {
    error: String,
    pause: Duration,
    again: Instant,
}

impl Sources {
    /// The files of `functions` in their current state; files that `self` has keep their known
    /// state.
    pub(super) fn of(&self, functions: &BTreeMap<String, Blueprint>) -> Self {
        let files = |(name, blueprint): (&String, &Blueprint)| {
            let known = self.0.get(name).filter(|files| files.are_of(blueprint)).cloned();
            let new = || Files {
                watches: blueprint.files().iter().map(|path| FileWatcher::new(path)).collect(),
                refused: None,
            };
            (name.clone(), known.unwrap_or_else(new))
        };
        Self(functions.iter().map(files).collect())
    }

    /// Functions to load: their files have changed, or it is time to try again.
    pub(super) fn changed(&mut self, check: FileCheck) -> Vec<String> {
        let changed = self.0.iter_mut().filter_map(|(name, files)| {
            let due = files.refused.as_ref().is_some_and(|refused| refused.is_due(check));
            (FileWatcher::check_all(&mut files.watches, check) || due).then(|| name.clone())
        });
        changed.collect()
    }

    /// Notes that a function's files are served.
    pub(super) fn served(&mut self, name: &str) {
        if let Some(files) = self.0.get_mut(name) {
            files.refused = None;
        }
    }

    /// Notes that a function's files could not be loaded; returns whether the error is new.
    pub(super) fn refused(&mut self, name: &str, error: &str) -> bool {
        self.0.get_mut(name).is_some_and(|files| Refused::again(&mut files.refused, error))
    }
}

impl Files {
    fn are_of(&self, blueprint: &Blueprint) -> bool {
        let paths = blueprint.files();
        let mut pairs = self.watches.iter().zip(&paths);
        self.watches.len() == paths.len() && pairs.all(|(watch, path)| watch.is_of(path))
    }
}

impl Refused {
    /// Notes an error, possibly after others; returns whether it differs from the previous one.
    pub(super) fn again(refused: &mut Option<Self>, error: &str) -> bool {
        let before = refused.take();
        let is_news = before.as_ref().is_none_or(|before| before.error != error);
        let pause = before.map_or(FIRST_PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE));
        *refused = Some(Self { error: error.to_owned(), pause, again: Instant::now() + pause });
        is_news
    }

    pub(super) fn is_due(&self, check: FileCheck) -> bool {
        check == FileCheck::Requested || Instant::now() >= self.again
    }
}
