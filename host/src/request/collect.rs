//! Bodies of requests in one piece.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use wasmtime_wasi_http::WasiBody;

/// Why a body could not be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CollectError {
    #[error("the body is too long")]
    TooLong,
    #[error("the body was not received whole")]
    Broken,
}

/// Reads a body of at most `limit` bytes to its end.
pub(crate) async fn collect(body: WasiBody, limit: usize) -> Result<Bytes, CollectError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(CollectError::TooLong),
        Err(_) => Err(CollectError::Broken),
    }
}

/// A body that has been received.
pub(crate) fn whole(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
