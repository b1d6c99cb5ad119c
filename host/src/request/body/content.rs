//! The content of a response, and what produces it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use pilotlight_sandbox::{BodyError, InstanceBody};
use tokio::sync::mpsc;

use crate::request::session::SessionAnswer;

/// Content of a response. Polling it runs the instance that writes it; dropping it ends that instance.
pub(super) enum Content {
    Full(Full<Bytes>),
    Instance(InstanceBody),
    Session(SessionAnswer),
    /// Sent by a task of the host.
    Received(mpsc::Receiver<Bytes>),
    /// With trailers.
    #[cfg(feature = "grpc")]
    Grpc(tonic::body::Body),
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Full(full) => Pin::new(full).poll_frame(context).map_err(|never| match never {}),
            Self::Instance(instance) => Pin::new(instance).poll_frame(context),
            Self::Session(session) => Pin::new(session).poll_frame(context),
            Self::Received(receiver) => receiver
                .poll_recv(context)
                .map(|received| received.map(|data| Ok(Frame::data(data)))),
            #[cfg(feature = "grpc")]
            Self::Grpc(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|status| BodyError::new(wasmtime::Error::msg(status.to_string()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Instance(instance) => instance.is_end_stream(),
            Self::Session(session) => session.is_end_stream(),
            Self::Received(_) => false,
            #[cfg(feature = "grpc")]
            Self::Grpc(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Instance(instance) => instance.size_hint(),
            Self::Session(session) => session.size_hint(),
            Self::Received(_) => SizeHint::default(),
            #[cfg(feature = "grpc")]
            Self::Grpc(body) => body.size_hint(),
        }
    }
}
