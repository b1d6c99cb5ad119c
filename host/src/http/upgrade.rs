//! What goes on with a connection once a request has taken it over (RFC 9110, section 7.8).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Among the extensions of requests whose connection can be taken over. The connection is driven by what is
/// left here once hyper is done with it, and counts as one until that ends.
#[derive(Clone, Default)]
pub(super) struct AfterUpgrade(Arc<Mutex<Option<Task>>>);

impl AfterUpgrade {
    /// Has `task` drive the connection.
    pub(super) fn go_on_with(&self, task: impl Future<Output = ()> + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(task));
    }

    /// What is to drive the connection.
    pub(super) fn take(&self) -> Option<Task> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
