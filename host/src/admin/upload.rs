//! Components that are sent to the administration: streamed into the cache, within limits.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use pilotlight_build::{Cache, Entry};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::request::Body;

/// What is sent, decoded.
pub(super) type Upload = UnsyncBoxBody<Bytes, io::Error>;

/// Pieces that wait for the disk.
const WAITING: usize = 8;

/// What a component that is sent may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct UploadLimits {
    /// Maximum number of bytes.
    pub(super) bytes: u64,
    /// Longest time from its head to its last byte.
    pub(super) time: Duration,
}

impl Default for UploadLimits {
    fn default() -> Self {
        // A component with a model of some gigabytes does not fit a 32-bit sandbox.
        Self { bytes: 2 << 30, time: Duration::from_secs(600) }
    }
}

/// Functions whose next version is being sent. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Uploads(Arc<Mutex<BTreeSet<String>>>);

/// The right to send the next version of a function, given up when dropped. One upload after the other
/// bounds what waits on the disk.
pub(super) struct Uploading {
    uploads: Uploads,
    function: String,
}

impl Uploads {
    /// For the function called `name`.
    ///
    /// # Errors
    /// [`Error::Changing`].
    pub(super) fn begin(&self, name: &str) -> crate::error::Result<Uploading> {
        let function = name.to_owned();
        match self.functions().insert(function.clone()) {
            true => Ok(Uploading { uploads: self.clone(), function }),
            false => Err(Error::Changing { name: function }),
        }
    }

    fn functions(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        self.uploads.functions().remove(&self.function);
    }
}

/// Why a component was not received.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReceived {
    #[error("the component exceeds {0} bytes; raise --max-upload-bytes")]
    TooLarge(u64),
    #[error("the component did not arrive within {0:?}; raise --upload-timeout")]
    Late(Duration),
    #[error("the body was not received completely: {0}")]
    Broken(io::Error),
    #[error("{0}")]
    NotKept(#[from] Error),
}

impl From<NotReceived> for Response<Body> {
    fn from(error: NotReceived) -> Self {
        let (status, error_type) = match error {
            NotReceived::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            NotReceived::Late(_) => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            NotReceived::Broken(_) => (StatusCode::BAD_REQUEST, "malformed"),
            NotReceived::NotKept(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Body::refusal(status, error_type, &error.to_string())
    }
}

/// Writes a component to the cache as it comes. Nothing of it stays there unless all of it came.
pub(super) async fn receive(
    body: Upload,
    cache: Cache,
    limits: UploadLimits,
) -> Result<Entry, NotReceived> {
    if body.size_hint().lower() > limits.bytes {
        return Err(NotReceived::TooLarge(limits.bytes));
    }
    let (send, mut pieces) = mpsc::channel::<Bytes>(WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        let mut incoming = cache.receive()?;
        while let Some(piece) = pieces.blocking_recv() {
            incoming.write(&piece)?;
        }
        Ok::<_, Error>(incoming)
    });
    let came = tokio::time::timeout(limits.time, pass_on(body, send, limits.bytes)).await;
    // Waited for in any case: what was written is gone before the client is told so.
    let written = writing.await.map_err(Error::unfinished("receiving a component"))?;
    came.unwrap_or(Err(NotReceived::Late(limits.time)))?;
    let incoming = written?;
    let kept = tokio::task::spawn_blocking(move || incoming.keep("wasm")).await;
    let kept = kept.map_err(Error::unfinished("keeping a component in the cache"))?;
    Ok(kept.map_err(Error::from)?)
}

async fn pass_on(
    mut body: Upload,
    send: mpsc::Sender<Bytes>,
    most: u64,
) -> Result<(), NotReceived> {
    let mut received = 0;
    loop {
        let frame = body.frame().await.transpose();
        let frame = frame.map_err(NotReceived::Broken)?;
        let Some(frame) = frame else { return Ok(()) };
        let Ok(piece) = frame.into_data() else { continue };
        received += piece.len() as u64;
        if received > most {
            return Err(NotReceived::TooLarge(most));
        }
        if send.send(piece).await.is_err() {
            // The disk does not take it; the writer says why.
            return Ok(());
        }
    }
}
