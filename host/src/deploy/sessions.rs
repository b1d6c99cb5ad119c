//! How many sessions a version has, and may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

/// The sessions of a version.
#[derive(Debug)]
pub(crate) struct Sessions {
    most: usize,
    open: AtomicUsize,
    begun: AtomicU64,
    refused: AtomicU64,
}

/// A session that goes on until this is dropped.
#[derive(Debug)]
pub(crate) struct SessionPlace(Arc<Sessions>);

/// The sessions of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionStatus {
    /// Open sessions.
    pub open: usize,
    /// Maximum number of concurrent sessions.
    pub most: usize,
    /// Sessions since the version was loaded.
    pub begun: u64,
    /// Sessions that were refused because the maximum was reached.
    pub refused: u64,
}

/// A session may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the maximum of {0} concurrent sessions is reached")]
pub(crate) struct TooManySessions(usize);

impl Sessions {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let (open, begun, refused) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { most, open, begun, refused })
    }

    /// Begins a session.
    ///
    /// # Errors
    /// [`TooManySessions`].
    pub(crate) fn begin(self: &Arc<Self>) -> Result<SessionPlace, TooManySessions> {
        let one_more = |open: usize| (open < self.most).then_some(open + 1);
        match self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => {
                self.begun.fetch_add(1, Ordering::Relaxed);
                Ok(SessionPlace(Arc::clone(self)))
            }
            Err(open) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(TooManySessions(open))
            }
        }
    }

    pub(crate) fn status(&self) -> SessionStatus {
        SessionStatus {
            open: self.open.load(Ordering::Relaxed),
            most: self.most,
            begun: self.begun.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

impl Drop for SessionPlace {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_sessions_go_on_as_may_and_others_when_one_has_ended() {
        let sessions = Sessions::new(2);
        let (first, _second) = (sessions.begin().unwrap(), sessions.begin().unwrap());
        assert_eq!(sessions.begin().unwrap_err(), TooManySessions(2));
        drop(first);
        let _third = sessions.begin().unwrap();
        assert_eq!(sessions.status(), SessionStatus { open: 2, most: 2, begun: 3, refused: 1 });
    }
}
