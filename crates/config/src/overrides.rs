//! What environment variables and flags say instead of the file.

use serde_json::Value as Schema;

use crate::diagnostic::{Fault, Kind};
use crate::key::{Key, Part};
use crate::location::Origin;
use crate::tree::{self, Entry, Node, Value};
use crate::{schema_check, suggestion};

/// Variables with names of their own.
const SHORT: [(&str, &str); 5] = [
    ("PILOTLIGHT_LISTEN", "listen"),
    ("PILOTLIGHT_ADMIN_LISTEN", "admin.listen"),
    ("PILOTLIGHT_CACHE_DIR", "cache-dir"),
    ("PILOTLIGHT_LOG", "telemetry.log"),
    ("PILOTLIGHT_LOG_FORMAT", "telemetry.log-format"),
];
const PREFIX: &str = "PILOTLIGHT__";

/// Whether a variable of this name belongs to a configuration.
pub(crate) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || SHORT.iter().any(|(short, _)| *short == name)
}

/// Sets what variables say, then what flags say. An environment has no order: of variables those
/// with long names win, and of these the longer, so that one says a table and another a key of it.
pub(crate) fn apply(
    tree: &mut Node,
    root: &Schema,
    variables: &[(String, String)],
    flags: &[String],
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut variables: Vec<_> = variables.iter().collect();
    variables.sort();
    for (name, text) in variables {
        let short = SHORT.iter().find(|(short, _)| short == name);
        let key = short.map(|(_, key)| key.parse().unwrap_or_default());
        let long = || name.strip_prefix(PREFIX).map(|rest| spelt(tree, root, rest));
        let Some(key) = key.or_else(long) else { continue };
        faults.extend(set(tree, root, &key, text, &Origin::Override(name.clone())).err());
    }
    for flag in flags {
        let (key, text) = flag.split_once('=').unwrap_or((flag, ""));
        let origin = Origin::Override(format!("--set {key}"));
        let refuse = |message| Fault {
            kind: Kind::Syntax,
            origin: origin.clone(),
            key: Key::default(),
            message,
        };
        let set = match key.trim().parse::<Key>() {
            _ if !flag.contains('=') => Err(refuse("must be KEY=VALUE".to_owned())),
            Err(message) => Err(refuse(message)),
            Ok(key) if key.parts().is_empty() => Err(refuse("must be KEY=VALUE".to_owned())),
            Ok(key) => set(tree, root, &key, text, &origin),
        };
        faults.extend(set.err());
    }
    faults
}

/// The key that the rest of a variable's name means: `FUNCTIONS__NER__MIN_READY`. Names are taken
/// as the tree spells them, then as the schema does.
fn spelt(tree: &Node, root: &Schema, name: &str) -> Key {
    let (mut node, mut schema) = (Some(tree), Some(root));
    let mut parts = Vec::new();
    for word in name.split("__") {
        if let (Ok(index), Some(items)) = (word.parse(), node.and_then(Node::as_array)) {
            (node, schema) = (items.get(index), schema.and_then(|s| schema_check::items(root, s)));
            parts.push(Part::Index(index));
            continue;
        }
        let normalized = suggestion::normalized(word);
        let same = |known: &&str| suggestion::normalized(known) == normalized;
        let there = node.and_then(Node::as_table).into_iter().flatten();
        let there = there.map(|(name, _)| name.as_str()).find(same);
        let known = || schema.and_then(|schema| schema_check::names(root, schema).find(same));
        let name = there.or_else(known).unwrap_or(&normalized).to_owned();
        node = node.and_then(|node| node.get(&name));
        schema = schema.and_then(|schema| schema_check::property(root, schema, &name));
        parts.push(Part::Name(name));
    }
    Key::new(parts)
}

/// Sets a value, or nothing at all.
fn set(
    tree: &mut Node,
    root: &Schema,
    key: &Key,
    text: &str,
    origin: &Origin,
) -> Result<(), Fault> {
    let fault =
        |message| Fault { kind: Kind::Syntax, origin: origin.clone(), key: key.clone(), message };
    let mut changed = tree.clone();
    let (mut node, mut schema, mut above) = (&mut changed, Some(root), Key::default());
    for part in key.parts() {
        (node, schema) = match (part, &mut node.value) {
            (Part::Name(name), Value::Table(table)) => {
                let new = || Entry { key: origin.clone(), node: Node::table(origin.clone()) };
                let entry = table.entry(name.clone()).or_insert_with(new);
                (
                    &mut entry.node,
                    schema.and_then(|schema| schema_check::property(root, schema, name)),
                )
            }
            (Part::Index(index), Value::Array(items)) => {
                let length = items.len();
                let item = items.get_mut(*index).ok_or_else(|| {
                    fault(format!("`{above}` has {length} elements, counted from 0"))
                })?;
                (item, schema.and_then(|schema| schema_check::items(root, schema)))
            }
            (Part::Name(_), _) => return Err(fault(format!("`{above}` is not a table"))),
            (Part::Index(_), _) => return Err(fault(format!("`{above}` is not an array"))),
        };
        above = match part {
            Part::Name(name) => above.name(name),
            Part::Index(index) => above.index(*index),
        };
    }
    *node = value(root, schema, text, key, origin);
    *tree = changed;
    Ok(())
}

/// A TOML value where the schema takes it, the text itself where it wants a string.
fn value(root: &Schema, schema: Option<&Schema>, text: &str, key: &Key, origin: &Origin) -> Node {
    let plain = Node { origin: origin.clone(), value: Value::String(text.to_owned()) };
    let Some(value) = tree::read_value(text, origin) else { return plain };
    let fits =
        |node| schema.is_none_or(|s| schema_check::check_part(root, s, node, key).is_empty());
    if !fits(&value) && fits(&plain) { plain } else { value }
}
