use std::collections::VecDeque;

use bytes::Buf;
use prost::Message as _;

use crate::error::OnnxError;
use crate::external::{ReadFile, inline};
use crate::inspect::refuse_external_data;
use crate::proto::ModelProto;

/// Reads an ONNX file.
///
/// # Errors
/// [`OnnxError::Malformed`], or [`OnnxError::ExternalData`] for a tensor anywhere in it whose
/// data is elsewhere.
pub fn decode(file: impl Buf) -> Result<ModelProto, OnnxError> {
    let model = ModelProto::decode(file)?;
    refuse_external_data(&model)?;
    Ok(model)
}

/// Reads an ONNX file whose tensors may keep their data in files beside it, which `read` returns;
/// the model that is returned holds all of it. Also tells whether there were any such tensors.
///
/// # Errors
/// [`OnnxError::Malformed`], or [`OnnxError::External`] naming the tensor and the file.
pub fn decode_with(
    file: impl Buf,
    read: &mut ReadFile<'_>,
) -> Result<(ModelProto, bool), OnnxError> {
    let mut model = ModelProto::decode(file)?;
    let external = inline(&mut model, read)?;
    refuse_external_data(&model)?;
    Ok((model, external))
}

/// A file in pieces, each given back as soon as it has been read: a sandbox cannot shrink its
/// memory, and what it held at most decides how far apart its weights come to lie.
#[derive(Debug, Default)]
pub struct Pieces {
    /// None empty.
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that have been read.
    read: usize,
    remaining: usize,
}

impl FromIterator<Vec<u8>> for Pieces {
    fn from_iter<I: IntoIterator<Item = Vec<u8>>>(pieces: I) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let remaining = pieces.iter().map(Vec::len).sum();
        Self { pieces, read: 0, remaining }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().and_then(|piece| piece.get(self.read..)).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining, "{count} bytes of {} left", self.remaining);
        self.remaining -= count;
        self.read += count;
        while let Some(piece) = self.pieces.front()
            && piece.len() <= self.read
        {
            self.read -= piece.len();
            self.pieces.pop_front();
        }
    }
}

/// Writes an ONNX file.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}
