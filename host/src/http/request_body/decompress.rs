//! Compressed bodies of requests, within the limits of bodies.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapErr;
use pilotlight_wire::Coding;

use super::paced::{BodyRefused, Paced};
use crate::http::hyper_service::BoxError;
use crate::request::decompress::{DecodeError, Decoded};

/// A body that has been decoded, or never was encoded.
pub(super) type Decompressed<B> =
    MapErr<Decoded<Paced<B>>, fn(DecodeError<BodyRefused>) -> BodyRefused>;

/// `body`, of which at most `limit` bytes are decoded.
pub(super) fn decompressed<B>(body: Paced<B>, coding: Coding, limit: u64) -> Decompressed<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    Decoded::new(body, coding, limit).map_err(refused as fn(_) -> _)
}

fn refused(error: DecodeError<BodyRefused>) -> BodyRefused {
    match error {
        DecodeError::Content(refused) => refused,
        DecodeError::TooLarge(limit) => BodyRefused::TooLarge(limit),
        DecodeError::Broken(..) => BodyRefused::Encoding(error.into()),
    }
}
