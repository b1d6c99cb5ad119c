use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::Error as HttpError;

use super::input::Ended;
use super::*;

/// A body of pieces, which never ends unless there is an end.
struct Pieces {
    pieces: Vec<Bytes>,
    ends: bool,
    length: Option<u64>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        match self.pieces.pop() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A session about `count` pieces of 1 KiB.
fn session(count: usize, ends: bool, length: Option<u64>) -> (Session, WasiBody) {
    let pieces = vec![Bytes::from(vec![7; 1024]); count];
    let body = Pieces { pieces, ends, length }.boxed_unsync();
    let limits = SessionLimits { behind: 8 << 10, ..SessionLimits::default() };
    Session::begin(body, limits)
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// What the function gets at once.
fn take(body: &mut WasiBody) -> Poll<Option<Result<Bytes, HttpError>>> {
    let polled = std::pin::Pin::new(body).poll_frame(&mut context());
    polled.map(|next| next.map(|frame| frame.map(|frame| frame.into_data().unwrap())))
}

/// Why the session was ended, if it was.
fn ended(session: &Session) -> Option<Ended> {
    locked(&session.shared).ended().map(|(why, _)| why)
}

fn read(session: &Session) {
    locked(&session.shared).read(&mut context());
}

#[test]
fn what_comes_reaches_the_function_in_its_order_to_the_end() {
    let (session, mut body) = session(5, true, None);
    read(&session);
    for _ in 0..5 {
        assert!(matches!(take(&mut body), Poll::Ready(Some(Ok(data))) if data.len() == 1024));
    }
    assert!(matches!(take(&mut body), Poll::Ready(None)));
    assert_eq!(ended(&session), None);
}

#[test]
fn a_live_session_that_falls_behind_is_ended_and_the_function_told() {
    let (session, mut body) = session(100, false, None);
    read(&session);
    assert_eq!(ended(&session), Some(Ended::Behind(8 << 10)));
    let Poll::Ready(Some(Err(HttpError::InternalError(Some(told))))) = take(&mut body) else {
        panic!("the function is not told")
    };
    assert!(told.contains("fell behind, with more than 8192 bytes"), "{told}");
}

#[test]
fn a_body_of_known_length_is_read_more_slowly_instead() {
    let (session, mut body) = session(100, true, Some(100 << 10));
    for _ in 0..100 {
        read(&session);
        assert_eq!(ended(&session), None);
        assert!(matches!(take(&mut body), Poll::Ready(Some(Ok(_)))));
    }
    assert!(matches!(take(&mut body), Poll::Ready(None)));
}

#[test]
fn silence_ends_a_session_unless_the_function_is_at_fault() {
    let (waiting, mut body) = session(0, false, None);
    assert!(take(&mut body).is_pending());
    assert!(matches!(locked(&waiting.shared).due().1, Ended::Idle(30)));
    let (computing, _body) = session(1, false, None);
    read(&computing);
    assert!(matches!(locked(&computing.shared).due().1, Ended::Overloaded(10)));
    let (over, mut body) = session(0, true, None);
    assert!(matches!(take(&mut body), Poll::Ready(None)));
    assert!(matches!(locked(&over.shared).due().1, Ended::Overloaded(10)));
}

#[test]
fn the_first_reason_counts() {
    let (session, mut body) = session(0, false, None);
    let mut input = locked(&session.shared);
    input.end(Ended::Idle(30));
    input.end(Ended::Length(1));
    drop(input);
    assert_eq!(ended(&session), Some(Ended::Idle(30)));
    assert!(matches!(take(&mut body), Poll::Ready(Some(Err(_)))));
}
