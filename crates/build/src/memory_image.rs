//! Takes the initial contents of memories out of a component, so that they can be mapped.
//!
//! Wasmtime would map them itself, but only from inside its machine code and into slots whose
//! pages it throws away after each request. As files of their own they go into slots of ours
//! ([`pilotlight_sandbox::MemorySlots`]), whose pages stay.

use std::collections::BTreeMap;
use std::ops::Range;

use pilotlight_sandbox::MemoryBounds;
use wasmparser::{
    BinaryReaderError, Data, DataKind, DataSectionReader, ImportSectionReader, MemoryType,
    Operator, Parser, Payload, TypeRef,
};

const MODULE_SECTION: u8 = 1;
const DATA_SECTION: u8 = 11;
/// A passive data segment without bytes. An active segment leaves just that behind once the
/// module is instantiated (WebAssembly core specification, 4.5.4).
const SPENT_SEGMENT: [u8; 2] = [1, 0];

/// Why a component cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    /// What the parser says.
    #[error(transparent)]
    Syntax(#[from] BinaryReaderError),
    /// It is shorter than it says.
    #[error("a section ends after the component")]
    Truncated,
}

fn part(bytes: &[u8], range: Range<usize>) -> Result<&[u8], Malformed> {
    bytes.get(range).ok_or(Malformed::Truncated)
}

/// The contents of a memory from its first byte to its last that is not zero.
pub(crate) type Contents = Vec<u8>;

/// A component whose memories start empty, and what they should start with.
pub(crate) struct Split {
    pub(crate) component: Vec<u8>,
    pub(crate) images: BTreeMap<MemoryBounds, Contents>,
}

/// Splits `component`. A memory that cannot be told from another, or whose contents are not
/// known before it runs, stays as it is.
///
/// # Errors
/// When the component is malformed.
pub(crate) fn split(component: &[u8]) -> Result<Split, Malformed> {
    let unique = unique_memories(component)?;
    let mut split = Split { component: Vec::new(), images: BTreeMap::new() };
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        if depth == 0 {
            match (&payload, payload.as_section()) {
                (Payload::Version { range, .. }, _) => {
                    split.component.extend_from_slice(part(component, range.clone())?);
                }
                (Payload::ModuleSection { unchecked_range, .. }, _) => {
                    let module = part(component, unchecked_range.clone())?;
                    split.add_module(module, &unique)?;
                }
                (_, Some((id, range))) => {
                    write_section(id, part(component, range)?, &mut split.component)
                }
                _ => {}
            }
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(split)
}

impl Split {
    fn add_module(&mut self, module: &[u8], unique: &[MemoryBounds]) -> Result<(), Malformed> {
        match read_module(module)? {
            Some(Module { memory, contents })
                if unique.contains(&memory) && !contents.is_empty() =>
            {
                let spent = without_data(module)?;
                write_section(MODULE_SECTION, &spent, &mut self.component);
                self.images.insert(memory, contents);
            }
            _ => write_section(MODULE_SECTION, module, &mut self.component),
        }
        Ok(())
    }
}

/// Bounds that exactly one memory of the whole component has.
fn unique_memories(component: &[u8]) -> Result<Vec<MemoryBounds>, Malformed> {
    let mut counts = BTreeMap::<MemoryBounds, usize>::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::MemorySection(memories) = payload? {
            for memory in memories {
                *counts.entry(limits(&memory?)).or_default() += 1;
            }
        }
    }
    Ok(counts.into_iter().filter(|(_, count)| *count == 1).map(|(limits, _)| limits).collect())
}

fn limits(memory: &MemoryType) -> MemoryBounds {
    MemoryBounds { minimum: memory.initial, maximum: memory.maximum }
}

/// A module with one memory, its own, of 32 bits, whose contents are constant.
struct Module {
    memory: MemoryBounds,
    contents: Contents,
}

fn read_module(module: &[u8]) -> Result<Option<Module>, Malformed> {
    let (mut memory, mut segments) = (None, None);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            // Index 0 is the imported memory's, and segments for it are not for the module's own.
            Payload::ImportSection(section) if imports_memory(section.clone())? => {
                return Ok(None);
            }
            Payload::MemorySection(section) => {
                let mut memories = section.into_iter();
                memory = memories.next().transpose()?;
                if memories.next().is_some() {
                    return Ok(None);
                }
            }
            Payload::DataSection(section) => segments = Some(section),
            _ => {}
        }
    }
    let (Some(memory), Some(segments)) = (memory, segments) else { return Ok(None) };
    let plain = !memory.memory64 && !memory.shared && memory.page_size_log2.is_none();
    let Some(contents) = contents(segments, memory.initial.saturating_mul(1 << 16))? else {
        return Ok(None);
    };
    Ok(plain.then(|| Module { memory: limits(&memory), contents }))
}

fn imports_memory(section: ImportSectionReader<'_>) -> Result<bool, Malformed> {
    for import in section.into_imports() {
        if matches!(import?.ty, TypeRef::Memory(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Applies active segments in their order; `None` if one does not fit or is not constant.
fn contents(segments: DataSectionReader<'_>, size: u64) -> Result<Option<Contents>, Malformed> {
    let mut contents = Contents::new();
    for segment in segments {
        let Data { kind, data, .. } = segment?;
        let DataKind::Active { memory_index: 0, offset_expr } = kind else {
            if matches!(kind, DataKind::Passive) {
                continue;
            }
            return Ok(None);
        };
        let mut operators = offset_expr.get_operators_reader();
        let Operator::I32Const { value } = operators.read()? else { return Ok(None) };
        let Operator::End = operators.read()? else { return Ok(None) };
        let start = value.cast_unsigned() as usize;
        let end = start.saturating_add(data.len());
        if end as u64 > size {
            return Ok(None);
        }
        if contents.len() < end {
            contents.resize(end, 0);
        }
        contents[start..end].copy_from_slice(data);
    }
    Ok(Some(contents))
}

/// The module with every active segment spent.
fn without_data(module: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut spent = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match (&payload, payload.as_section()) {
            (Payload::Version { range, .. }, _) => {
                spent.extend_from_slice(part(module, range.clone())?)
            }
            (Payload::DataSection(section), _) => {
                let mut body = Vec::new();
                leb128(section.count() as usize, &mut body);
                for segment in section.clone() {
                    let segment = segment?;
                    match segment.kind {
                        DataKind::Passive => body.extend_from_slice(part(module, segment.range)?),
                        DataKind::Active { .. } => body.extend_from_slice(&SPENT_SEGMENT),
                    }
                }
                write_section(DATA_SECTION, &body, &mut spent);
            }
            (_, Some((id, range))) => write_section(id, part(module, range)?, &mut spent),
            _ => {}
        }
    }
    Ok(spent)
}

/// Unsigned LEB128 (WebAssembly core specification, 5.2.2).
fn leb128(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_section(id: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    leb128(body.len(), out);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(modules: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {modules})")).unwrap()
    }

    fn validate(component: &[u8]) {
        wasmparser::Validator::new().validate_all(component).unwrap();
    }

    #[test]
    fn contents_are_taken_out_in_the_order_of_their_segments() {
        let whole = component(
            r#"(core module (memory 2 7)
                (data (i32.const 4) "abcdef") (data (i32.const 6) "XY")
                (data (i32.const 0x1fffe) "zz"))"#,
        );
        let Split { component, images } = split(&whole).unwrap();
        validate(&component);
        let contents = &images[&MemoryBounds { minimum: 2, maximum: Some(7) }];
        assert_eq!(&contents[..12], b"\0\0\0\0abXYef\0\0");
        assert_eq!(contents.len(), 2 << 16);
        assert_eq!(&contents[0x1fffe..], b"zz");
        assert!(split(&component).unwrap().images.is_empty(), "nothing is left to take out");
    }

    #[test]
    fn passive_segments_stay_what_they_are() {
        let whole = component(
            r#"(core module (memory 1) (data (i32.const 0) "active") (data "passive")
                (func (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 7)) (data.drop 0)))"#,
        );
        let Split { component, images } = split(&whole).unwrap();
        validate(&component);
        assert_eq!(images.len(), 1);
        assert!(component.windows(7).any(|bytes| bytes == b"passive"));
        assert!(!component.windows(6).any(|bytes| bytes == b"active"));
    }

    #[test]
    fn what_cannot_be_taken_out_stays() {
        let stays = [
            // Two that cannot be told apart, one of them nested.
            r#"(core module (memory 1) (data (i32.const 0) "a"))
               (component (core module (memory 1) (data (i32.const 0) "b")))"#,
            r#"(core module (memory 1) (data (i32.const 0xffff) "out of bounds"))"#,
            r#"(core module (memory 1))"#,
            r#"(core module (memory i64 1) (data (i64.const 0) "a"))"#,
            r#"(core module (import "m" "g" (global i32)) (memory 1)
                (data (global.get 0) "a"))"#,
            r#"(core module (import "m" "m" (memory 1)) (data (i32.const 0) "a"))"#,
            r#"(core module (memory 1) (memory 2) (data (i32.const 0) "a"))"#,
            // Segments for an imported memory, for the module's own, and for both.
            r#"(core module (import "m" "m" (memory 3)) (memory 2) (data (i32.const 0) "a"))"#,
            r#"(core module (import "m" "m" (memory 3)) (memory 2)
                (data (memory 1) (i32.const 0) "b"))"#,
            r#"(core module (import "m" "g" (global i32)) (import "m" "m" (memory 3)) (memory 2)
                (data (memory 0) (i32.const 0) "a") (data (memory 1) (i32.const 0) "b"))"#,
        ];
        for modules in stays {
            let whole = component(modules);
            let Split { component, images } = split(&whole).unwrap();
            assert!(images.is_empty(), "{modules}");
            assert_eq!(component, whole, "{modules}");
        }
    }

    #[test]
    fn memories_with_limits_of_their_own_are_each_taken_out() {
        let whole = component(
            r#"(core module (memory 1) (data (i32.const 0) "a"))
               (core module (memory 1 1) (data (i32.const 0) "b"))"#,
        );
        let images = split(&whole).unwrap().images;
        assert_eq!(images[&MemoryBounds { minimum: 1, maximum: None }], b"a");
        assert_eq!(images[&MemoryBounds { minimum: 1, maximum: Some(1) }], b"b");
    }

    proptest::proptest! {
        #[test]
        fn malformed_components_are_errors(at in 0usize..200, byte: u8) {
            let mut bytes = component(
                r#"(core module (memory 2 7) (data (i32.const 4) "abcdef") (data "passive"))"#,
            );
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = split(&bytes);
        }
    }
}
