//! The fields that routes ask for, taken out of a JSON body in one pass. Nothing else of the body
//! is kept, so that memory does not grow with what a client sends.

use std::cell::OnceCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The fields that any route asks for, as a tree of the steps of their pointers.
#[derive(Default)]
pub(crate) struct Wanted {
    root: Node,
    slots: usize,
}

#[derive(Default)]
struct Node {
    slot: Option<usize>,
    children: Vec<Child>,
}

struct Child {
    name: String,
    /// The name as a place in a list.
    index: Option<usize>,
    node: Node,
}

/// What stands at a pointer.
pub(crate) enum Found {
    /// A string, number, boolean or null.
    Scalar(Value),
    /// An object or a list.
    Container,
}

/// A request's body, read when a route first asks for one of its fields.
pub(crate) struct Body<'a> {
    wanted: &'a Wanted,
    bytes: Option<&'a [u8]>,
    found: OnceCell<Vec<Option<Found>>>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(wanted: &'a Wanted, bytes: Option<&'a [u8]>) -> Self {
        Self { wanted, bytes, found: OnceCell::new() }
    }

    /// What stands at the pointer that got this slot; nothing if the body is no JSON.
    pub(crate) fn field(&self, slot: usize) -> Option<&Found> {
        let found = self.found.get_or_init(|| {
            self.bytes.and_then(|bytes| self.wanted.read(bytes).ok()).unwrap_or_default()
        });
        found.get(slot)?.as_ref()
    }
}

impl Wanted {
    /// Asks for what stands at a JSON pointer, and says which slot it will be in.
    pub(crate) fn slot(&mut self, pointer: &str) -> Result<usize, String> {
        let mut node = &mut self.root;
        for step in steps(pointer)? {
            node = node.child(step);
        }
        let slot = *node.slot.get_or_insert(self.slots);
        self.slots = self.slots.max(slot + 1);
        Ok(slot)
    }

    fn read(&self, body: &[u8]) -> serde_json::Result<Vec<Option<Found>>> {
        let mut found = Vec::new();
        found.resize_with(self.slots, || None);
        let mut json = serde_json::Deserializer::from_slice(body);
        Pick { node: &self.root, found: &mut found }.deserialize(&mut json)?;
        json.end()?;
        Ok(found)
    }
}

/// The steps of a JSON pointer (RFC 6901).
fn steps(pointer: &str) -> Result<impl Iterator<Item = String>, String> {
    let escaped = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if !escaped || !(pointer.is_empty() || pointer.starts_with('/')) {
        return Err(format!(
            "{pointer:?} is not a JSON Pointer such as `/user/id`, with `~1` for `/` and `~0` for \
             `~`"
        ));
    }
    Ok(pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")))
}

/// A place in a list, written without leading zeros.
fn index(step: &str) -> Option<usize> {
    let decimal = step.bytes().all(|byte| byte.is_ascii_digit());
    let plain = step == "0" || !step.starts_with('0');
    step.parse().ok().filter(|_| decimal && plain)
}

impl Node {
    fn child(&mut self, name: String) -> &mut Self {
        let place = self.children.iter().position(|child| child.name == name);
        let place = place.unwrap_or_else(|| {
            let index = index(&name);
            self.children.push(Child { name, index, node: Self::default() });
            self.children.len() - 1
        });
        &mut self.children[place].node
    }

    fn named(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name).map(|child| &child.node)
    }

    fn indexed(&self, index: usize) -> Option<&Self> {
        self.children.iter().find(|child| child.index == Some(index)).map(|child| &child.node)
    }

    fn forget(&self, found: &mut [Option<Found>]) {
        self.put(found, || None);
        self.children.iter().for_each(|child| child.node.forget(found));
    }

    fn put(&self, found: &mut [Option<Found>], value: impl FnOnce() -> Option<Found>) {
        if let Some(place) = self.slot.and_then(|slot| found.get_mut(slot)) {
            *place = value();
        }
    }
}

struct Pick<'a> {
    node: &'a Node,
    found: &'a mut [Option<Found>],
}

impl Pick<'_> {
    fn scalar<E>(self, value: impl Into<Value>) -> Result<(), E> {
        self.node.put(self.found, || Some(Found::Scalar(value.into())));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        // Of two fields of one name the last counts, as in most parsers.
        self.node.forget(self.found);
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.node.put(self.found, || Some(Found::Container));
        for index in 0.. {
            let element = match self.node.indexed(index) {
                Some(node) => list.next_element_seed(Pick { node, found: self.found })?,
                None => list.next_element::<IgnoredAny>()?.map(drop),
            };
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        self.node.put(self.found, || Some(Found::Container));
        while let Some(name) = object.next_key::<String>()? {
            match self.node.named(&name) {
                Some(node) => object.next_value_seed(Pick { node, found: self.found })?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}
