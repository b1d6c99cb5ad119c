//! Tensors that keep their data in other files: the data is moved into the model.

use std::collections::{BTreeMap, VecDeque};

use crate::element::size_of;
use crate::error::OnnxError;
use crate::inspect::visit_tensors_mut;
use crate::proto::{ModelProto, TensorProto};

const EXTERNAL: i32 = 1;
/// No reader of protocol buffers takes a larger model.
const LARGEST_MODEL: u64 = i32::MAX as u64;

/// Returns a file beside the model, by name and in pieces, or why it is refused.
pub type ReadFile<'a> = dyn FnMut(&str) -> Result<Vec<Vec<u8>>, String> + 'a;

/// A tensor and where its data lies.
struct Outside<'a> {
    tensor: &'a mut TensorProto,
    offset: u64,
    length: Option<u64>,
}

/// Moves the data that tensors keep in other files into the model. Each file is read once with
/// `read`, which decides what may be read.
///
/// # Errors
/// [`OnnxError::External`] naming the tensor and the file.
pub(crate) fn inline(model: &mut ModelProto, read: &mut ReadFile<'_>) -> Result<bool, OnnxError> {
    let mut files: BTreeMap<String, Vec<Outside<'_>>> = BTreeMap::new();
    let mut refused = None;
    visit_tensors_mut(model, &mut |tensor| {
        if tensor.data_location != EXTERNAL || refused.is_some() {
            return;
        }
        match place(tensor) {
            Ok((file, offset, length)) => {
                files.entry(file).or_default().push(Outside { tensor, offset, length });
            }
            Err(error) => refused = Some(error),
        }
    });
    refused.map_or(Ok(()), Err)?;
    let found = !files.is_empty();
    let mut total = 0u64;
    for (file, mut tensors) in files {
        // Pieces of the file are freed as soon as no later tensor reads them.
        tensors.sort_by_key(|outside| outside.offset);
        let first = tensors.first().map_or("", |outside| &outside.tensor.name[..]);
        let pieces = read(&file).map_err(|reason| refuse(first, &file, reason))?;
        let mut data = Data::new(pieces);
        for Outside { tensor, offset, length } in tensors {
            let length = length.unwrap_or_else(|| data.length.saturating_sub(offset));
            total = total.saturating_add(length);
            let error = |reason: String| refuse(&tensor.name, &file, reason);
            if total > LARGEST_MODEL {
                return Err(error(format!("all tensors exceed {LARGEST_MODEL} bytes")));
            }
            let bytes = data.take(offset, length).ok_or_else(|| {
                error(format!("bytes {offset} to {offset} + {length} of {}", data.length))
            })?;
            tensor.raw_data = bytes.into();
            tensor.data_location = 0;
            tensor.external_data.clear();
        }
    }
    Ok(found)
}

fn refuse(tensor: &str, file: &str, reason: impl Into<String>) -> OnnxError {
    let (tensor, file, reason) = (tensor.to_owned(), file.to_owned(), reason.into());
    OnnxError::External { tensor, file, reason }
}

/// The file, offset and length that a tensor names (`onnx.proto`, `TensorProto.external_data`).
fn place(tensor: &TensorProto) -> Result<(String, u64, Option<u64>), OnnxError> {
    let value = |key: &str| {
        let entry = tensor.external_data.iter().find(|entry| entry.key == key);
        entry.map(|entry| &entry.value[..])
    };
    let file = value("location").unwrap_or_default().to_owned();
    let error = |reason: String| refuse(&tensor.name, &file, reason);
    let number = |key: &str| {
        let parse = |text: &str| {
            text.parse::<u64>().map_err(|_| error(format!("{key} {text:?} is not a number")))
        };
        value(key).map(parse).transpose()
    };
    let (offset, length) = (number("offset")?.unwrap_or_default(), number("length")?);
    let volume = tensor
        .dims
        .iter()
        .try_fold(1u64, |volume, dim| volume.checked_mul(u64::try_from(*dim).ok()?));
    let volume = volume.ok_or_else(|| error(format!("the shape is {:?}", tensor.dims)))?;
    let Some(expected) = size_of(tensor.data_type).and_then(|size| volume.checked_mul(size)) else {
        return Ok((file, offset, length));
    };
    match length {
        Some(length) if length != expected => Err(error(format!(
            "length is {length}, but shape {:?} takes {expected} bytes",
            tensor.dims
        ))),
        _ => Ok((file, offset, Some(expected))),
    }
}

/// A file in pieces, read from front to back.
struct Data {
    pieces: VecDeque<Vec<u8>>,
    /// Where the first piece begins.
    start: u64,
    length: u64,
}

impl Data {
    fn new(pieces: Vec<Vec<u8>>) -> Self {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces: pieces.into(), start: 0, length }
    }

    /// The bytes from `offset` on, which is no less than at the last call.
    fn take(&mut self, offset: u64, length: u64) -> Option<Vec<u8>> {
        offset.checked_add(length).filter(|end| *end <= self.length)?;
        while let Some(first) = self.pieces.front()
            && self.start + first.len() as u64 <= offset
        {
            self.start += first.len() as u64;
            self.pieces.pop_front();
        }
        let mut bytes = Vec::with_capacity(length as usize);
        let mut skipped = (offset - self.start.min(offset)) as usize;
        for piece in &self.pieces {
            let rest = piece.get(skipped..).unwrap_or_default();
            let wanted = (length as usize - bytes.len()).min(rest.len());
            bytes.extend_from_slice(&rest[..wanted]);
            skipped = 0;
            if bytes.len() as u64 == length {
                break;
            }
        }
        Some(bytes)
    }
}
