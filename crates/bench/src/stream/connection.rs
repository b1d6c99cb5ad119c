//! One session: frames are sent when they are due, and answers are taken as they come.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::BodyExt as _;
use http_body_util::channel::Channel;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::tungstenite::Message;

use super::Protocol;
use super::audio::Audio;
use super::tally::Tally;
use crate::client::connect;
use crate::target::Url;

/// What lines of answers begin with that tell a frame.
const FRAME_LINE: &[u8] = b"{\"frame\":";
/// Frames between a connection and hyper.
const BUFFERED: usize = 64;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a session needs.
pub(super) struct Session {
    pub(super) number: usize,
    pub(super) url: Url,
    pub(super) address: SocketAddr,
    pub(super) audio: Audio,
    pub(super) tally: Arc<Tally>,
    /// When its frames are due; closed when there are no more.
    pub(super) due: UnboundedReceiver<Instant>,
}

impl Session {
    /// Runs it to its end.
    pub(super) async fn run(self, protocol: Protocol) {
        let tally = Arc::clone(&self.tally);
        let ran = match protocol {
            Protocol::Http => self.over_http().await,
            Protocol::Websocket => self.over_websocket().await,
        };
        if ran.is_err() {
            tally.broke();
        }
    }

    async fn over_http(mut self) -> Result<(), BoxError> {
        let (mut sender, driver) =
            http1::handshake(connect(self.address).await.map_err(failed)?).await?;
        tokio::spawn(driver);
        let (mut body, content) = Channel::<Bytes, std::convert::Infallible>::new(BUFFERED);
        let request = Request::post(self.url.path().as_str())
            .header("host", self.url.authority().as_str())
            .header("content-type", "application/octet-stream")
            .body(content)?;
        let (mut waiting, mut number) = (VecDeque::new(), 0);
        let mut first = Some(Box::pin(sender.send_request(request)));
        let mut answer: Option<Incoming> = None;
        let mut lines = Lines::default();
        let mut has_more = true;
        while has_more || answer.is_some() || first.is_some() {
            tokio::select! {
                due = self.due.recv(), if has_more => match due {
                    Some(due) => {
                        waiting.push_back(due);
                        body.send_data(self.audio.frame(self.number, number)).await?;
                        number += 1;
                    }
                    None => {
                        has_more = false;
                        // The end of the body.
                        drop(std::mem::replace(&mut body, Channel::new(1).0));
                    }
                },
                head = present(&mut first), if first.is_some() => {
                    let response = head?;
                    first = None;
                    if !response.status().is_success() {
                        return Err(response.status().to_string().into());
                    }
                    answer = Some(response.into_body());
                },
                frame = next_frame(&mut answer), if answer.is_some() => {
                    match frame.transpose()? {
                        Some(frame) => {
                            let data = frame.into_data().unwrap_or_default();
                            let now = Instant::now();
                            for _ in 0..lines.push(&data) {
                                if let Some(due) = waiting.pop_front() {
                                    self.tally.answered(due, now);
                                }
                            }
                        }
                        None => answer = None,
                    }
                }
            }
        }
        Ok(())
    }

    async fn over_websocket(mut self) -> Result<(), BoxError> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}{}", self.url.authority(), self.url.path());
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await?;
        let (mut sender, mut receiver) = socket.split();
        let (mut waiting, mut number) = (VecDeque::new(), 0);
        loop {
            tokio::select! {
                due = self.due.recv() => {
                    let Some(due) = due else { break };
                    waiting.push_back(due);
                    let frame = self.audio.frame(self.number, number);
                    sender.send(Message::binary(frame)).await?;
                    number += 1;
                }
                answer = receiver.next() => {
                    let answer = answer.ok_or("the server has closed the socket")??;
                    if let (true, Some(due)) = (answer.is_text(), waiting.front()) {
                        self.tally.answered(*due, Instant::now());
                        waiting.pop_front();
                    }
                }
            }
        }
        sender.send(Message::text(r#"{"eof" : 1}"#)).await?;
        while let Some(Ok(answer)) = receiver.next().await {
            if let (true, Some(due)) = (answer.is_text(), waiting.pop_front()) {
                self.tally.answered(due, Instant::now());
            }
        }
        Ok(())
    }
}

/// What a future comes to, if there is one.
async fn present<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// The next frame of an answer, once there is one.
async fn next_frame(answer: &mut Option<Incoming>) -> Option<hyper::Result<Frame<Bytes>>> {
    match answer {
        Some(answer) => answer.frame().await,
        None => std::future::pending().await,
    }
}

fn failed(_: crate::failure::Failure) -> BoxError {
    "the connection was refused".into()
}

/// Counts lines that tell a frame.
#[derive(Default)]
struct Lines {
    /// The beginning of a line, as far as it matters.
    begun: Vec<u8>,
    /// Whether the line has been counted or tells something else.
    known: bool,
}

impl Lines {
    /// Frames that `data` completes.
    fn push(&mut self, data: &[u8]) -> usize {
        let mut frames = 0;
        for byte in data {
            match byte {
                b'\n' => {
                    frames += usize::from(self.known && self.begun == FRAME_LINE);
                    self.begun.clear();
                    self.known = false;
                }
                byte if !self.known => {
                    self.begun.push(*byte);
                    self.known = self.begun.len() == FRAME_LINE.len();
                }
                _ => {}
            }
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_frames_are_counted_when_they_are_complete() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"{\"frame\":0,\"start\":0.0}\n{\"segment\":{}}\n{\"fra"), 1);
        assert_eq!(lines.push(b"me\":1"), 0);
        assert_eq!(lines.push(b"2}\n{\"frame\":2}\n"), 2);
    }
}
