//! Bodies of requests that come compressed: what follows sees them as they were before.

use std::io::{self, BufRead, ErrorKind, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use flate2::bufread::MultiGzDecoder;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pilotlight_wire::{Coding, UnsupportedCoding};

use super::body::Body;
use super::zlib::ZlibReader;

/// Most that is decoded at once: between pieces limits are looked at, and other tasks run.
const PIECE: usize = 32 << 10;

/// A body that is decoded as it comes.
pub(crate) struct Decoded<B> {
    content: B,
    /// None: it is not encoded.
    decoding: Option<Box<Decoding>>,
}

/// Why a body could not be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError<E> {
    /// The body was not received.
    #[error("{0}")]
    Content(E),
    /// The decompressed body exceeds its limit.
    #[error("the decompressed body exceeds {0} bytes; send less at once")]
    TooLarge(u64),
    /// The body is not encoded in this coding, or incomplete.
    #[error("the body is not valid {0}: {1}")]
    Broken(Coding, io::Error),
}

struct Decoding {
    coding: Coding,
    decoder: Decoder,
    /// Where a piece is decoded to.
    room: Box<[u8]>,
    decoded: u64,
    limit: u64,
    trailers: Option<HeaderMap>,
    over: bool,
}

enum Decoder {
    Gzip(MultiGzDecoder<Received>),
    Zlib(ZlibReader<Received>),
}

/// What has been received and not been decoded yet. More is waited for where it ends.
#[derive(Default)]
struct Received {
    bytes: Bytes,
    any: bool,
    whole: bool,
}

/// How the body of a request is encoded; the header that says so is taken out, as whoever gets the
/// request gets it decoded. The length of a body is not known then.
///
/// # Errors
/// [`UnsupportedCoding`].
pub(crate) fn take_coding(head: &mut Parts) -> Result<Coding, UnsupportedCoding> {
    let fields = head.headers.get_all(header::CONTENT_ENCODING).iter();
    let coding = Coding::of(fields.map(HeaderValue::as_bytes))?;
    head.headers.remove(header::CONTENT_ENCODING);
    if coding != Coding::Identity {
        head.headers.remove(header::CONTENT_LENGTH);
    }
    Ok(coding)
}

/// What is answered to a body that is encoded in another way (RFC 9110, section 15.5.16).
pub(crate) fn unsupported(coding: &UnsupportedCoding) -> Response<Body> {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let mut response = Body::refusal(status, "unsupported_media_type", &coding.to_string());
    let accepted = HeaderValue::from_static(coding.accepted());
    response.headers_mut().insert(header::ACCEPT_ENCODING, accepted);
    response
}

impl<B> Decoded<B> {
    /// `content`, of which at most `limit` bytes are decoded.
    pub(crate) fn new(content: B, coding: Coding, limit: u64) -> Self {
        let received = Received::default();
        let decoder = match coding {
            Coding::Identity => None,
            Coding::Gzip => Some(Decoder::Gzip(MultiGzDecoder::new(received))),
            Coding::Deflate => Some(Decoder::Zlib(ZlibReader::new(received))),
        };
        let decoding = |decoder| {
            let room = vec![0; PIECE].into();
            let trailers = None;
            Box::new(Decoding { coding, decoder, room, decoded: 0, limit, trailers, over: false })
        };
        Self { content, decoding: decoder.map(decoding) }
    }
}

impl Decoder {
    fn received(&self) -> &Received {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zlib(decoder) => decoder.get_ref(),
        }
    }

    fn received_mut(&mut self) -> &mut Received {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
        }
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(room),
            Self::Zlib(decoder) => decoder.read(room),
        }
    }
}

impl Decoding {
    /// The next piece; empty after the last. None: more has to be received first.
    fn decode(&mut self) -> Option<io::Result<Bytes>> {
        let received = self.decoder.received();
        if received.whole && !received.any {
            // A request without a body has no encoded body either.
            return Some(Ok(Bytes::new()));
        }
        match self.decoder.read(&mut self.room) {
            Ok(length) => Some(Ok(Bytes::copy_from_slice(&self.room[..length]))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn take_in(&mut self, frame: Option<Frame<Bytes>>) {
        let received = self.decoder.received_mut();
        match frame.map(Frame::into_data) {
            Some(Ok(data)) => {
                received.any |= !data.is_empty();
                received.bytes = data;
            }
            Some(Err(frame)) => {
                self.trailers = frame.into_trailers().ok();
                received.whole = true;
            }
            None => received.whole = true,
        }
    }

    /// What goes on of a decoded piece.
    fn hand_on<E>(&mut self, piece: Bytes) -> Option<Result<Frame<Bytes>, DecodeError<E>>> {
        if piece.is_empty() {
            self.over = true;
            return self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)));
        }
        self.decoded += piece.len() as u64;
        if self.decoded > self.limit {
            self.over = true;
            return Some(Err(DecodeError::TooLarge(self.limit)));
        }
        Some(Ok(Frame::data(piece)))
    }
}

impl Read for Received {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(room)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Received {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.bytes.is_empty() && !self.whole {
            true => Err(ErrorKind::WouldBlock.into()),
            false => Ok(&self.bytes),
        }
    }

    fn consume(&mut self, length: usize) {
        self.bytes.advance(length);
    }
}

impl<B> HttpBody for Decoded<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = DecodeError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Self { content, decoding } = &mut *self;
        let mut content = Pin::new(content);
        let Some(decoding) = decoding else {
            let polled = content.poll_frame(context);
            return polled.map(|frame| frame.map(|frame| frame.map_err(DecodeError::Content)));
        };
        // A small body may decode to a large one, for which nothing has to be waited for.
        let turn = ready!(tokio::task::coop::poll_proceed(context));
        while !decoding.over {
            match decoding.decode() {
                Some(Ok(piece)) => {
                    turn.made_progress();
                    return Poll::Ready(decoding.hand_on(piece));
                }
                Some(Err(error)) => {
                    turn.made_progress();
                    decoding.over = true;
                    let broken = DecodeError::Broken(decoding.coding, error);
                    return Poll::Ready(Some(Err(broken)));
                }
                None => {
                    let frame = ready!(content.as_mut().poll_frame(context));
                    decoding.take_in(frame.transpose().map_err(DecodeError::Content)?);
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        match &self.decoding {
            Some(decoding) => decoding.over && decoding.trailers.is_none(),
            None => self.content.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.decoding {
            Some(_) => SizeHint::new(),
            None => self.content.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use futures::stream;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(body: &[u8], part: usize, limit: u64) -> Result<Bytes, DecodeError<Infallible>> {
        decoded_from(Coding::Gzip, body, part, limit)
    }

    fn decoded_from(
        coding: Coding,
        body: &[u8],
        part: usize,
        limit: u64,
    ) -> Result<Bytes, DecodeError<Infallible>> {
        let parts: Vec<Result<_, Infallible>> = body
            .chunks(part)
            .map(|part| Ok(Frame::data(Bytes::copy_from_slice(part))))
            .chain([Ok(Frame::trailers(HeaderMap::new()))])
            .collect();
        let body = Decoded::new(StreamBody::new(stream::iter(parts)), coding, limit);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let collected = runtime.block_on(body.collect())?;
        assert!(collected.trailers().is_some());
        Ok(collected.to_bytes())
    }

    #[test]
    fn a_body_is_the_same_however_it_comes() {
        let content: Vec<u8> =
            (0..10_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let half = content.len() / 2;
        let encoded = [gzip(&content[..half]), gzip(&content[half..])].concat();
        for part in [1, 7, 1000, encoded.len()] {
            assert!(decoded(&encoded, part, content.len() as u64).unwrap() == content, "{part}");
        }
        assert_eq!(decoded(b"", 1, 0).unwrap(), "");
    }

    #[test]
    fn deflate_is_decoded_within_the_same_limits() {
        let content: Vec<u8> =
            (0..30_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let (encoded, bomb) = (deflate(&content), deflate(&vec![0; 8 << 20]));
        for part in [1, 7, 1000, encoded.len()] {
            let whole = decoded_from(Coding::Deflate, &encoded, part, content.len() as u64);
            assert!(whole.unwrap() == content, "{part}");
            let long = decoded_from(Coding::Deflate, &bomb, part, 999_999);
            assert!(matches!(long, Err(DecodeError::TooLarge(999_999))), "{part}");
        }
        assert_eq!(decoded_from(Coding::Deflate, b"", 1, 0).unwrap(), "");
        assert_eq!(decoded_from(Coding::Deflate, &deflate(b""), 1, 0).unwrap(), "");
    }

    #[test]
    fn deflate_that_is_cut_or_followed_by_anything_is_broken() {
        let whole = deflate(br#"{"inputs": "a"}"#);
        let cuts = (1..whole.len()).map(|cut| whole[..cut].to_vec());
        let others = [b"{}".to_vec(), [&whole[..], b"x"].concat(), gzip(b"{}")];
        for broken in cuts.chain(others) {
            for part in [1, broken.len()] {
                let read = decoded_from(Coding::Deflate, &broken, part, 100);
                assert!(matches!(read, Err(DecodeError::Broken(..))), "{broken:?}: {read:?}");
            }
        }
        let error = decoded_from(Coding::Deflate, b"{}", 2, 100).unwrap_err();
        assert!(error.to_string().starts_with("the body is not valid deflate: "), "{error}");
    }

    #[test]
    fn what_is_too_long_ends_at_the_limit() {
        let bomb = gzip(&vec![0; 8 << 20]);
        for part in [1, bomb.len()] {
            assert!(matches!(decoded(&bomb, part, 999_999), Err(DecodeError::TooLarge(999_999))));
        }
    }

    #[test]
    fn what_is_cut_or_followed_by_anything_is_broken() {
        let whole = gzip(br#"{"inputs": "a"}"#);
        for cut in 1..whole.len() {
            let cut = decoded(&whole[..cut], 3, 100);
            assert!(matches!(cut, Err(DecodeError::Broken(..))), "{cut:?}");
        }
        for broken in [b"{}".to_vec(), [&whole[..], b"x"].concat()] {
            assert!(matches!(decoded(&broken, 3, 100), Err(DecodeError::Broken(..))));
        }
    }
}
