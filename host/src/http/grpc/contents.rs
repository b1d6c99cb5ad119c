//! Elements of tensors in typed fields, as the little-endian bytes of the binary tensor extension.

use super::messages::InferTensorContents;

/// The bytes of a tensor of `datatype`, row-major; strings have their length (u32) in front.
///
/// # Errors
/// What is wrong with the elements.
pub(super) fn bytes(datatype: &str, contents: InferTensorContents) -> Result<Vec<u8>, String> {
    let InferTensorContents {
        bool_contents,
        int_contents,
        int64_contents,
        uint_contents,
        uint64_contents,
        fp32_contents,
        fp64_contents,
        bytes_contents,
    } = contents;
    match datatype {
        "BOOL" => Ok(bool_contents.into_iter().map(u8::from).collect()),
        "INT8" => narrow(datatype, &int_contents, |value| i8::try_from(value).map(i8::to_le_bytes)),
        "INT16" => {
            narrow(datatype, &int_contents, |value| i16::try_from(value).map(i16::to_le_bytes))
        }
        "INT32" => Ok(int_contents.into_iter().flat_map(i32::to_le_bytes).collect()),
        "INT64" => Ok(int64_contents.into_iter().flat_map(i64::to_le_bytes).collect()),
        "UINT8" => {
            narrow(datatype, &uint_contents, |value| u8::try_from(value).map(u8::to_le_bytes))
        }
        "UINT16" => {
            narrow(datatype, &uint_contents, |value| u16::try_from(value).map(u16::to_le_bytes))
        }
        "UINT32" => Ok(uint_contents.into_iter().flat_map(u32::to_le_bytes).collect()),
        "UINT64" => Ok(uint64_contents.into_iter().flat_map(u64::to_le_bytes).collect()),
        "FP32" => Ok(fp32_contents.into_iter().flat_map(f32::to_le_bytes).collect()),
        "FP64" => Ok(fp64_contents.into_iter().flat_map(f64::to_le_bytes).collect()),
        "BYTES" => strings(&bytes_contents),
        _ => Err(format!("elements of {datatype} can be sent in raw_input_contents only")),
    }
}

fn narrow<W, E, const N: usize>(
    datatype: &str,
    values: &[W],
    narrowed: impl Fn(W) -> Result<[u8; N], E>,
) -> Result<Vec<u8>, String>
where
    W: Copy + std::fmt::Display,
{
    let mut bytes = Vec::with_capacity(values.len() * N);
    for value in values {
        let narrowed = narrowed(*value).map_err(|_| format!("{value} is not a {datatype}"))?;
        bytes.extend(narrowed);
    }
    Ok(bytes)
}

fn strings(elements: &[bytes::Bytes]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for element in elements {
        let length = u32::try_from(element.len());
        let length = length.map_err(|_| "a string of BYTES is longer than 4 GiB".to_owned())?;
        bytes.extend(length.to_le_bytes());
        bytes.extend_from_slice(element);
    }
    Ok(bytes)
}
