//! How many entries the lists of a `tokenizer.json` have, told without building any.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json::without_bom;

/// The largest published tokenizers have a million tokens, and as many merges.
const MOST_ENTRIES: usize = 2_000_000;

/// Refuses a file with a list or an object, such as `vocab` or `merges`, of more entries than any
/// tokenizer has. What is no JSON is refused by whoever builds it.
///
/// # Errors
/// Which list, and its length, in words.
pub(crate) fn check_size(file: &[u8]) -> Result<(), String> {
    let Ok(Longest { count, name }) = serde_json::from_slice(without_bom(file)) else {
        return Ok(());
    };
    if count > MOST_ENTRIES {
        let name = if name.is_empty() { "the file" } else { &name };
        return Err(format!("{name} has {count} entries, more than the {MOST_ENTRIES} allowed"));
    }
    Ok(())
}

/// The length of the longest list or object of a value.
#[derive(Default)]
struct Longest {
    count: usize,
    /// The key of the value that it is.
    name: String,
}

impl Longest {
    fn or(self, other: Self) -> Self {
        if other.count > self.count { other } else { self }
    }
}

impl<'de> Deserialize<'de> for Longest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LongestVisitor)
    }
}

struct LongestVisitor;

impl<'de> Visitor<'de> for LongestVisitor {
    type Value = Longest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Longest, A::Error> {
        let (mut longest, mut count) = (Longest::default(), 0);
        while let Some(item) = items.next_element()? {
            longest = longest.or(item);
            count += 1;
        }
        Ok(Longest { count, name: String::new() }.or(longest))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Longest, A::Error> {
        let (mut longest, mut count) = (Longest::default(), 0);
        while let Some((name, value)) = entries.next_entry::<String, Longest>()? {
            let named = if value.name.is_empty() { Longest { name, ..value } } else { value };
            longest = longest.or(named);
            count += 1;
        }
        Ok(Longest { count, name: String::new() }.or(longest))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Longest, E> {
        Ok(Longest::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Longest, E> {
        Ok(Longest::default())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Longest, E> {
        Ok(Longest::default())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Longest, E> {
        Ok(Longest::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Longest, E> {
        Ok(Longest::default())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Longest, E> {
        Ok(Longest::default())
    }
}
