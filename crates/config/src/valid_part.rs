//! Takes out of a tree what was found to be wrong, so that the rest can still be looked at.

use serde_json::Value as Schema;

use crate::diagnostic::{Fault, Kind};
use crate::key::{Key, Part};
use crate::location::Origin;
use crate::schema_check;
use crate::tree::{Entry, Node, Table, Value};

/// `tree` without the values that `faults` are about, and the keys that nothing can be said of.
pub(crate) fn without(schema: &Schema, tree: &Node, faults: &[Fault]) -> (Node, Vec<Key>) {
    let mut tree = tree.clone();
    let mut blind = Vec::new();
    for fault in faults {
        match (fault.key.route(), fault.kind) {
            (_, Kind::Syntax) => {}
            (_, Kind::Unknown) => remove(&mut tree, fault.key.parts()),
            (Some(route), _) => {
                blank_route(&mut tree, route);
                blind.push(Key::default().name("routes").index(route));
            }
            (None, _) => replace(schema, &mut tree, &fault.key),
        }
        blind.push(fault.key.clone());
    }
    (tree, blind)
}

/// Removes the value, or the array that it is in.
fn remove(tree: &mut Node, parts: &[Part]) {
    let names = parts.iter().rposition(|part| matches!(part, Part::Name(_)));
    let Some(last) = names else { return };
    let Part::Name(name) = &parts[last] else { return };
    if let Some(table) = tree.at_mut(&parts[..last]).and_then(Node::as_table_mut) {
        table.remove(name);
    }
}

/// Puts the default, or what stands for it, in the place of a value. A table without a value that
/// it has to have is none.
fn replace(schema: &Schema, tree: &mut Node, key: &Key) {
    let function = key.fits(&["functions", "*"]) || key.fits(&["functions", "*", "source"]);
    let mut parts = key.parts();
    while !function && schema_check::is_required(schema, parts) {
        parts = parts.split_last().map_or(parts, |(_, table)| table);
    }
    remove(tree, parts);
    if !function {
        return;
    }
    let [_, Part::Name(name), ..] = key.parts() else { return };
    let Some(functions) = tree.get_mut("functions").and_then(Node::as_table_mut) else { return };
    let empty = || entry(Value::Table(Table::new()));
    let function = functions.entry(name.clone()).or_insert_with(empty);
    if let Some(table) = function.node.as_table_mut() {
        table.insert("source".to_owned(), entry(Value::String("?".to_owned())));
    }
}

/// Leaves a route without meaning in its place, so that the others keep theirs.
fn blank_route(tree: &mut Node, route: usize) {
    let key = Key::default().name("routes").index(route);
    if let Some(node) = tree.at_mut(key.parts()) {
        let to = ("to".to_owned(), entry(Value::String("default".to_owned())));
        node.value = Value::Table(Table::from([to]));
    }
}

fn entry(value: Value) -> Entry {
    let origin = Origin::Text(0);
    Entry { key: origin.clone(), node: Node { origin, value } }
}
