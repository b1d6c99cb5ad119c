//! Moves the initial contents of memories out of a component into files for [`pilotlight_sandbox::MemorySlots`].
//! The remaining component is equal for all models of one guest, so they share its machine code.
//! Used by `compile`. Does not know the cache or models.

mod keys;

use std::collections::BTreeMap;
use std::ops::Range;

use pilotlight_sandbox::MemoryBounds;
use wasmparser::{BinaryReaderError, Data, DataKind, DataSectionReader, Operator, Parser, Payload};

use keys::{MemoryKeys, bounds, imported_memories};

const CUSTOM_SECTION: u8 = 0;
const MODULE_SECTION: u8 = 1;
const MEMORY_SECTION: u8 = 5;
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

/// What a memory starts with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Initial {
    /// Its size in pages.
    pub(crate) pages: u64,
    /// From its first byte to its last that is not zero.
    pub(crate) contents: Vec<u8>,
}

/// A component whose memories start empty, and what they should start with, by the bounds that they
/// have in it.
pub(crate) struct Split {
    pub(crate) component: Vec<u8>,
    pub(crate) memories: BTreeMap<MemoryBounds, Initial>,
}

/// Splits `component`. A memory that cannot be told from another, or whose contents are not
/// known before it runs, stays as it is.
///
/// # Errors
/// When the component is malformed.
pub(crate) fn split(component: &[u8]) -> Result<Split, Malformed> {
    let mut keys = MemoryKeys::of(component)?;
    let mut split = Split { component: Vec::new(), memories: BTreeMap::new() };
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
                    split.add_module(module, &mut keys)?;
                }
                (_, Some((CUSTOM_SECTION, _))) => {}
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
    fn add_module(&mut self, module: &[u8], keys: &mut MemoryKeys) -> Result<(), Malformed> {
        let read = read_module(module)?.filter(|read| !read.initial.contents.is_empty());
        let keyed = read.and_then(|read| Some((keys.without_size(read.memory)?, read.initial)));
        match keyed {
            Some((bounds, initial)) => {
                let empty = emptied(module, bounds)?;
                write_section(MODULE_SECTION, &empty, &mut self.component);
                self.memories.insert(bounds, initial);
            }
            None => write_section(MODULE_SECTION, module, &mut self.component),
        }
        Ok(())
    }
}

/// A module with one memory, its own, of 32 bits, whose contents are constant.
struct Module {
    memory: MemoryBounds,
    initial: Initial,
}

fn read_module(module: &[u8]) -> Result<Option<Module>, Malformed> {
    let (mut memory, mut segments) = (None, None);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            // Index 0 is the imported memory's, and segments for it are not for the module's own.
            Payload::ImportSection(section) if !imported_memories(section.clone())?.is_empty() => {
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
    let pages = memory.initial;
    let Some(contents) = contents(segments, pages.saturating_mul(1 << 16))? else {
        return Ok(None);
    };
    let module = Module { memory: bounds(&memory), initial: Initial { pages, contents } };
    Ok(plain.then_some(module))
}

/// Applies active segments in their order; `None` if one does not fit or is not constant.
fn contents(segments: DataSectionReader<'_>, size: u64) -> Result<Option<Vec<u8>>, Malformed> {
    let mut contents = Vec::new();
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

/// The module with every active segment spent, and a memory of other bounds.
fn emptied(module: &[u8], memory: MemoryBounds) -> Result<Vec<u8>, Malformed> {
    let (mut empty, mut counted) = (Vec::new(), false);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        counted |= matches!(payload, Payload::DataCountSection { .. });
        match (&payload, payload.as_section()) {
            (Payload::Version { range, .. }, _) => {
                empty.extend_from_slice(part(module, range.clone())?)
            }
            (Payload::MemorySection(_), _) => {
                write_section(MEMORY_SECTION, &memory_section(memory), &mut empty);
            }
            // Only a module that counts its segments can name them (WebAssembly core specification,
            // 5.5.16).
            (Payload::DataSection(_), _) if !counted => {}
            (Payload::DataSection(section), _) => {
                let mut body = Vec::new();
                leb128(section.count().into(), &mut body);
                for segment in section.clone() {
                    let segment = segment?;
                    match segment.kind {
                        DataKind::Passive => body.extend_from_slice(part(module, segment.range)?),
                        DataKind::Active { .. } => body.extend_from_slice(&SPENT_SEGMENT),
                    }
                }
                write_section(DATA_SECTION, &body, &mut empty);
            }
            (_, Some((id, range))) => write_section(id, part(module, range)?, &mut empty),
            _ => {}
        }
    }
    Ok(empty)
}

/// One memory of 32 bits (WebAssembly core specification, 5.3.8 and 5.5.8).
fn memory_section(MemoryBounds { minimum, maximum }: MemoryBounds) -> Vec<u8> {
    let mut body = vec![1, u8::from(maximum.is_some())];
    [Some(minimum), maximum].into_iter().flatten().for_each(|pages| leb128(pages, &mut body));
    body
}

/// Unsigned LEB128 (WebAssembly core specification, 5.2.2).
fn leb128(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_section(id: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    leb128(body.len() as u64, out);
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
        let Split { component, memories } = split(&whole).unwrap();
        validate(&component);
        let bounds = MemoryBounds { minimum: 0, maximum: Some(7) };
        let Initial { pages, contents } = &memories[&bounds];
        assert_eq!((*pages, memories.len()), (2, 1));
        assert_eq!(&contents[..12], b"\0\0\0\0abXYef\0\0");
        assert_eq!(contents.len(), 2 << 16);
        assert_eq!(&contents[0x1fffe..], b"zz");
        assert!(split(&component).unwrap().memories.is_empty(), "nothing is left to take out");
    }

    #[test]
    fn passive_segments_stay_what_they_are() {
        let whole = component(
            r#"(core module (memory 1) (data (i32.const 0) "active") (data "passive")
                (func (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 7)) (data.drop 0)))"#,
        );
        let Split { component, memories } = split(&whole).unwrap();
        validate(&component);
        assert_eq!(memories.len(), 1);
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
            let Split { component, memories } = split(&whole).unwrap();
            assert!(memories.is_empty(), "{modules}");
            assert_eq!(component, whole, "{modules}");
        }
    }

    /// Minimum and maximum of a memory, and what it starts with.
    type Pages = (u64, Option<u64>, u64);

    /// What is left of modules, and what bounds their memories have in it.
    fn left(modules: &str) -> (Vec<u8>, Vec<Pages>) {
        let Split { component, memories } = split(&component(modules)).unwrap();
        validate(&component);
        let told = |(bounds, initial): (&MemoryBounds, &Initial)| {
            (bounds.minimum, bounds.maximum, initial.pages)
        };
        (component, memories.iter().map(told).collect())
    }

    #[test]
    fn what_is_left_does_not_tell_what_memories_start_with() {
        let with = |pages: u32, data: &str| {
            left(&format!(
                r#"(core module $guest (memory (export "m") {pages}) {data})
                   (core instance (instantiate $guest)) (@custom "name" "{data:.0}{pages}")"#
            ))
        };
        let (one, small) = with(3, r#"(data (i32.const 0) "a")"#);
        let (other, large) =
            with(70, r#"(data (i32.const 9) "bcd") (data (i32.const 0x30000) "e")"#);
        assert_eq!(one, other);
        assert_eq!((small, large), (vec![(0, None, 3)], vec![(0, None, 70)]));
    }

    #[test]
    fn memories_can_be_told_apart() {
        let two = r#"(core module (memory 1) (data (i32.const 0) "a"))
                     (core module (memory 1 1) (data (i32.const 0) "b"))"#;
        assert_eq!(left(two).1, [(0, None, 1), (1, Some(1), 1)]);
        let beside_empty = r#"(core module (memory 0)) (core module (memory 1))
                              (core module (memory 5) (data (i32.const 0) "a"))"#;
        assert_eq!(left(beside_empty).1, [(2, None, 5)]);
    }

    #[test]
    fn memories_stay_as_long_as_importers_ask() {
        let imported = r#"
            (core module $own (memory (export "m") 5) (data (i32.const 0) "a"))
            (core module $other (import "own" "m" (memory 4)))
            (core instance $i (instantiate $own))
            (core instance (instantiate $other (with "own" (instance $i))))"#;
        assert_eq!(left(imported).1, [(4, None, 5)]);
        let typed = r#"
            (core module $own (memory (export "m") 5) (data (i32.const 0) "a"))
            (component $inner (import "own" (core module (export "m" (memory 5)))))
            (instance (instantiate $inner (with "own" (core module $own))))"#;
        assert_eq!(left(typed).1, [(5, None, 5)]);
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
