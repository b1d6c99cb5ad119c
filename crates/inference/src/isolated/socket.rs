//! Messages between two processes, each whole and at most one file with it.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_type};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
    recvmsg, sendmsg, shutdown, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the longest message: a signature of some thousand ports.
pub(super) const LONGEST: usize = 1 << 16;

/// Longest time for a message to find room, which it does at once where somebody reads.
const SENDING: Duration = Duration::from_secs(10);

/// Why a conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the other process closed the connection")]
    Closed,
    #[error("the other process did not answer in time")]
    Late,
    #[error("the other process sent a malformed message: {0}")]
    Garbled(String),
    #[error("{0}")]
    System(#[from] std::io::Error),
}

impl From<Errno> for Broken {
    fn from(error: Errno) -> Self {
        match error {
            Errno::PIPE | Errno::CONNRESET => Self::Closed,
            Errno::AGAIN => Self::Late,
            error => Self::System(error.into()),
        }
    }
}

/// One end of a connected pair. Messages keep their borders (`SOCK_SEQPACKET`), so that none says
/// how long the next one is.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

/// A message, and the file that came with it.
pub(super) type Heard<T> = (T, Option<OwnedFd>);

impl Socket {
    /// Both ends.
    pub(super) fn pair() -> Result<(Self, OwnedFd), Broken> {
        let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
        let (ours, theirs) = socketpair(family, SocketType::SEQPACKET, flags, None)?;
        set_socket_timeout(&ours, Timeout::Send, Some(SENDING))?;
        Ok((Self(ours), theirs))
    }

    /// An end that another process has handed over; `None` for anything else.
    pub(super) fn new(end: OwnedFd) -> Option<Self> {
        is_end(end.as_fd()).then_some(Self(end))
    }

    /// How long [`Socket::receive`] waits; without limit unless said.
    pub(super) fn limit(&self, limit: Option<Duration>) -> Result<(), Broken> {
        Ok(set_socket_timeout(&self.0, Timeout::Recv, limit)?)
    }

    /// Sends a message. Where the other end reads it waits for nothing.
    pub(super) fn send<T: Serialize>(
        &self,
        message: &T,
        file: Option<BorrowedFd<'_>>,
    ) -> Result<(), Broken> {
        let bytes = encode(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = file.as_slice();
        if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(Broken::Garbled("a file does not fit".to_owned()));
        }
        let message = [IoSlice::new(&bytes)];
        retry_on_intr(|| sendmsg(&self.0, &message, &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Waits for a message; `memory` is used for it.
    pub(super) fn receive<T: DeserializeOwned>(
        &self,
        memory: &mut Vec<u8>,
    ) -> Result<Heard<T>, Broken> {
        memory.resize(LONGEST, 0);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| {
            recvmsg(&self.0, &mut [IoSliceMut::new(memory)], &mut control, flags)
        })?;
        let files = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        });
        let file = files.flatten().last();
        if received.bytes == 0 {
            return Err(Broken::Closed);
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(Broken::Garbled("it is too long".to_owned()));
        }
        let message = memory.get(..received.bytes).unwrap_or_default();
        Ok((decode(message)?, file))
    }

    /// Ends the conversation, for both sides and whoever waits.
    pub(super) fn hang_up(&self) {
        // It may have ended already.
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

/// Whether `file` is an end of a pair.
pub(super) fn is_end(file: BorrowedFd<'_>) -> bool {
    socket_type(file).is_ok_and(|kind| kind == SocketType::SEQPACKET)
}

fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, Broken> {
    let garbled = |error: postcard::Error| Broken::Garbled(error.to_string());
    let bytes = postcard::to_allocvec(message).map_err(garbled)?;
    if bytes.len() > LONGEST {
        return Err(Broken::Garbled(format!("a message of {} bytes", bytes.len())));
    }
    Ok(bytes)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Broken> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(Broken::Garbled(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(Broken::Garbled(error.to_string())),
    }
}
