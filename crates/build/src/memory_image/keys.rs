//! What memories of a component are told apart by.

use std::collections::{BTreeMap, BTreeSet};

use pilotlight_sandbox::MemoryBounds;
use wasmparser::{ImportSectionReader, MemoryType, Parser, Payload, TypeRef};

use super::Malformed;

/// Bounds of all memories of a component: a memory is known by them when it is created.
pub(super) struct MemoryKeys {
    /// The number of memories with these bounds.
    taken: BTreeMap<MemoryBounds, usize>,
    /// Smallest minimum that a key may have: importers ask for as much.
    floor: u64,
}

impl MemoryKeys {
    pub(super) fn of(component: &[u8]) -> Result<Self, Malformed> {
        let mut keys = Self { taken: BTreeMap::new(), floor: 0 };
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        *keys.taken.entry(bounds(&memory?)).or_default() += 1;
                    }
                }
                Payload::ImportSection(imports) => {
                    let imported = imported_memories(imports)?;
                    let minimum = imported.iter().map(|memory| memory.initial).max();
                    keys.floor = keys.floor.max(minimum.unwrap_or_default());
                }
                // It may say what modules have to export.
                Payload::CoreTypeSection(_) => keys.floor = u64::MAX,
                _ => {}
            }
        }
        Ok(keys)
    }

    /// Replaces the bounds of a memory by a key that does not depend on its size: the smallest minimum that
    /// no other memory has. `None` if another memory has the same bounds.
    pub(super) fn without_size(&mut self, bounds: MemoryBounds) -> Option<MemoryBounds> {
        if self.taken.get(&bounds) != Some(&1) {
            return None;
        }
        self.taken.remove(&bounds);
        let floor = self.floor.min(bounds.minimum);
        let others: BTreeSet<u64> = self.taken.keys().map(|other| other.minimum).collect();
        let minimum = (floor..bounds.minimum).find(|minimum| !others.contains(minimum));
        let key = MemoryBounds { minimum: minimum.unwrap_or(bounds.minimum), ..bounds };
        self.taken.insert(key, 1);
        Some(key)
    }
}

pub(super) fn bounds(memory: &MemoryType) -> MemoryBounds {
    MemoryBounds { minimum: memory.initial, maximum: memory.maximum }
}

pub(super) fn imported_memories(
    section: ImportSectionReader<'_>,
) -> Result<Vec<MemoryType>, Malformed> {
    let mut memories = Vec::new();
    for import in section.into_imports() {
        if let TypeRef::Memory(memory) = import?.ty {
            memories.push(memory);
        }
    }
    Ok(memories)
}
