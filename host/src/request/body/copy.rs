//! The copy of a response that is compared with the response of a shadow.

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

/// Collects the content of a response while a client reads it, and sends it once it is complete.
pub(super) struct BodyCopy(Option<Copying>);

struct Copying {
    seen: BytesMut,
    /// Longest content, in bytes, of which a copy is sent.
    limit: usize,
    /// Value of `content-length`. A server does not ask for the end of a body once it has read that many bytes.
    length: Option<u64>,
    to: oneshot::Sender<Bytes>,
}

impl BodyCopy {
    /// No copy.
    pub(super) const NONE: Self = Self(None);

    /// A copy that is sent to `to`, unless the content is longer than `limit` bytes or breaks off.
    pub(super) fn new(to: oneshot::Sender<Bytes>, limit: usize, length: Option<u64>) -> Self {
        let mut copy = Self(Some(Copying { seen: BytesMut::new(), limit, length, to }));
        copy.send_if_whole();
        copy
    }

    /// Adds `data`, which the client gets next.
    pub(super) fn keep(&mut self, data: &[u8]) {
        let Some(copying) = &mut self.0 else { return };
        copying.seen.extend_from_slice(data);
        if copying.seen.len() > copying.limit {
            self.0 = None;
        }
        self.send_if_whole();
    }

    /// Sends the copy: the content is complete.
    pub(super) fn finish(&mut self) {
        if let Some(Copying { seen, to, .. }) = self.0.take() {
            // The receiver may have been dropped.
            let _ = to.send(seen.freeze());
        }
    }

    fn send_if_whole(&mut self) {
        let is_whole =
            |copy: &Copying| copy.length.is_some_and(|length| copy.seen.len() as u64 >= length);
        if self.0.as_ref().is_some_and(is_whole) {
            self.finish();
        }
    }
}
