//! A body that is changed chunk by chunk.

use bytes::Bytes;
use http::HeaderValue;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::function_client::{Change, FunctionClient};
use super::refusal::Refusal;
use crate::http::middleware::Next;
use crate::request::received;

/// Chunks between the proxy and the function, in each direction.
const CHUNKS: usize = 16;

/// A streaming request to the function, which is canceled on drop.
pub(super) struct BodyStream {
    /// `None` after the end.
    input: Option<mpsc::Sender<Bytes>>,
    output: mpsc::Receiver<Result<Bytes, Refusal>>,
}

impl BodyStream {
    pub(super) fn begin<N: Next>(
        client: FunctionClient<N>,
        change: Change,
        content_type: HeaderValue,
    ) -> Self {
        let (input, body) = received(CHUNKS);
        let (sender, output) = mpsc::channel(CHUNKS);
        tokio::spawn(async move {
            let mut answer = match client.stream(change, content_type, body).await {
                Ok(answer) => answer,
                Err(refusal) => return drop(sender.send(Err(refusal)).await),
            };
            while let Some(frame) = answer.frame().await {
                let told = match frame {
                    Ok(frame) => frame.into_data().map_err(|_| None),
                    Err(_) => Err(Some(broken_off())),
                };
                let sent = match told {
                    Ok(data) => sender.send(Ok(data)).await,
                    Err(Some(refusal)) => sender.send(Err(refusal)).await,
                    Err(None) => Ok(()),
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        Self { input: Some(input), output }
    }

    /// Sends a chunk and returns the changed text that is ready; after the last chunk, all of the rest.
    ///
    /// # Errors
    /// [`Refusal`], which ends the call.
    pub(super) async fn push(&mut self, chunk: Bytes, is_last: bool) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        if let Some(input) = self.input.clone() {
            loop {
                tokio::select! {
                    place = input.reserve() => {
                        // If the function has ended the stream, its output is read below.
                        if let Ok(place) = place && !chunk.is_empty() {
                            place.send(chunk);
                        }
                        break;
                    }
                    Some(told) = self.output.recv() => out.extend_from_slice(&told?),
                }
            }
        }
        if is_last {
            self.input = None;
            while let Some(told) = self.output.recv().await {
                out.extend_from_slice(&told?);
            }
        }
        while let Ok(told) = self.output.try_recv() {
            out.extend_from_slice(&told?);
        }
        Ok(out)
    }
}

fn broken_off() -> Refusal {
    let message = "the function broke off; nothing passes unchecked";
    Refusal::new(http::StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}
