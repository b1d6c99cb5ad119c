//! Custom sections at the outermost level of a component.

use wasmparser::{Chunk, Encoding, Parser, Payload};

use crate::error::Broken;

/// The section with the manifest and the digest.
pub(crate) const SEAL: &str = "pilotlight";
/// The section with a signature.
pub(crate) const SIGNATURE: &str = "pilotlight-signature";
/// What a seal ends with. Whoever looks for the seal by this and by the name of its section misses
/// it only when both are damaged.
pub(crate) const MARK: &[u8; 16] = b"pilotlight-seal1";

/// A section called [`SEAL`] or [`SIGNATURE`].
pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    pub(crate) content: &'a [u8],
    /// Where it begins, header included.
    pub(crate) start: usize,
    /// Where the next one begins.
    pub(crate) end: usize,
}

/// The first section of ours at the outermost level; `None` if the whole component has none.
pub(crate) fn first_of_ours(component: &[u8]) -> Result<Option<Section<'_>>, Broken> {
    let refuse = |reason: String| Err(Broken::NotAComponent(reason));
    let mut parser = Parser::new(0);
    let mut end = 0;
    loop {
        let start = end;
        let rest = component.get(start..).unwrap_or_default();
        let payload = match parser.parse(rest, true) {
            Ok(Chunk::Parsed { consumed, payload }) => {
                end += consumed;
                payload
            }
            Ok(Chunk::NeedMoreData(_)) => {
                return refuse(format!("it is truncated at byte {start}"));
            }
            Err(error) => return refuse(error.to_string()),
        };
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => {
                return refuse("it is a core module, not a component".to_owned());
            }
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                end = unchecked_range.end;
                if end > component.len() {
                    return refuse(format!("the section at byte {start} is longer than the file"));
                }
            }
            Payload::CustomSection(section) if [SEAL, SIGNATURE].contains(&section.name()) => {
                let (name, content) = (section.name(), section.data());
                return Ok(Some(Section { name, content, start, end }));
            }
            Payload::UnknownSection { id, .. } => {
                return refuse(format!("the section at byte {start} has the unknown kind {id}"));
            }
            Payload::End(_) => return Ok(None),
            _ => {}
        }
    }
}

/// Identifier, size and name of a custom section whose content is of `length` bytes; `None` if a
/// section cannot be so long.
pub(crate) fn header(name: &str, length: usize) -> Option<Vec<u8>> {
    let mut body = leb128(u32::try_from(name.len()).ok()?);
    body.extend_from_slice(name.as_bytes());
    let size = u32::try_from(body.len().checked_add(length)?).ok()?;
    let mut header = vec![0];
    header.extend(leb128(size));
    header.extend(body);
    Some(header)
}

/// Unsigned LEB128 (WebAssembly core specification, 5.2.2).
fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
