//! Puts one tree over another: tables key by key, routes by their names, targets by theirs.

use pilotlight_router::Target;

use crate::diagnostic::{Fault, Kind};
use crate::key::Key;
use crate::tree::{Entry, Node, Value};

/// Puts the environment `name` over the base.
pub(crate) fn environment(base: &mut Node, mut overlay: Node, name: &str) -> Vec<Fault> {
    let routes = overlay.as_table_mut().and_then(|table| table.remove("routes"));
    if overlay.as_table().is_some() {
        merge(base, overlay);
    }
    let key = Key::default().name("env").name(name).name("routes");
    routes.map(|entry| merge_routes(base, entry.node, &key)).unwrap_or_default()
}

/// Puts `over` over `base`: what both have is taken from `over`, and tables are merged.
pub(crate) fn merge(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Table(base), Value::Table(over)) => {
            for (name, entry) in over {
                merge_entry(base, name, entry);
            }
        }
        (_, value) => *base = Node { origin: over.origin, value },
    }
}

fn merge_entry(base: &mut crate::tree::Table, name: String, over: Entry) {
    match base.get_mut(&name) {
        Some(entry) => merge(&mut entry.node, over.node),
        None => {
            base.insert(name, over);
        }
    }
}

fn merge_routes(base: &mut Node, over: Node, key: &Key) -> Vec<Fault> {
    let mut none = [];
    let routes = match base.get_mut("routes").map(|node| &mut node.value) {
        Some(Value::Array(routes)) => routes.as_mut_slice(),
        _ => &mut none,
    };
    let Value::Array(overlays) = over.value else { return Vec::new() };
    let mut faults = Vec::new();
    for (index, overlay) in overlays.into_iter().enumerate() {
        let Some(name) = overlay.get("name") else { continue };
        let same = |route: &&mut Node| {
            name.as_str().is_some() && route.get("name").and_then(Node::as_str) == name.as_str()
        };
        match routes.iter_mut().find(same) {
            Some(route) => merge_route(route, overlay),
            None => faults.push(Fault {
                kind: Kind::Bad,
                origin: name.origin.clone(),
                key: key.index(index).name("name"),
                message: "no route has this name; an environment can change routes, but not add \
                    them"
                    .to_owned(),
            }),
        }
    }
    faults
}

fn merge_route(route: &mut Node, mut over: Node) {
    let to = over.as_table_mut().and_then(|table| table.remove("to"));
    // Of its keys there can only be one: the environment's, if it has one.
    if over.get("sticky").is_some()
        && let Some(table) = route.as_table_mut()
    {
        table.remove("sticky");
    }
    merge(route, over);
    let (Some(to), Some(table)) = (to, route.as_table_mut()) else { return };
    match table.get_mut("to") {
        Some(base) => merge_targets(&mut base.node, to.node),
        None => {
            table.insert("to".to_owned(), to);
        }
    }
}

/// Puts targets over those of the same target; a plain name takes the place of them all.
fn merge_targets(base: &mut Node, over: Node) {
    let targets = match over.value {
        Value::Array(targets) => targets,
        Value::Table(_) => vec![over],
        value => {
            *base = Node { origin: over.origin, value };
            return;
        }
    };
    make_targets(base);
    let Value::Array(known) = &mut base.value else { return };
    for weighted in targets {
        match known
            .iter_mut()
            .find(|known| target(known).is_some() && target(known) == target(&weighted))
        {
            Some(known) => merge(known, weighted),
            None => known.push(weighted),
        }
    }
}

/// `to = "name"` and `to = { … }` are short for an array.
fn make_targets(node: &mut Node) {
    let origin = node.origin.clone();
    let value = std::mem::replace(&mut node.value, Value::Array(Vec::new()));
    let weighted = |value| Node { origin: origin.clone(), value };
    node.value = match value {
        Value::Array(targets) => Value::Array(targets),
        Value::String(_) => {
            let target = Entry { key: origin.clone(), node: weighted(value) };
            Value::Array(vec![weighted(Value::Table([("target".to_owned(), target)].into()))])
        }
        value => Value::Array(vec![weighted(value)]),
    };
}

/// Which target a target is for, however it is written.
fn target(weighted: &Node) -> Option<String> {
    let text = weighted.get("target")?.as_str()?;
    Some(text.parse::<Target>().map_or_else(|_| text.to_owned(), |target| target.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::location::Origin;
    use crate::tree;

    fn node(text: &str) -> Node {
        tree::read(text).0
    }

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Table(table) => {
                let entries = table.iter().map(|(name, e)| format!("{name}={}", shown(&e.node)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
            Value::Array(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(","))
            }
            value => format!("{value:?}"),
        }
    }

    fn merged(base: &Node, over: &Node) -> Node {
        let mut base = base.clone();
        merge(&mut base, over.clone());
        base
    }

    /// Trees in which a name has values of one type, whatever the tree.
    fn trees() -> impl Strategy<Value = Node> {
        let leaf = any::<u8>().prop_map(|number| Value::Integer(number.into()));
        let node = |value| Node { origin: Origin::Text(0), value };
        leaf.prop_map(node).prop_recursive(3, 24, 4, move |inner| {
            proptest::collection::btree_map(0usize..4, inner, 0..4).prop_map(move |entries| {
                let entry = |(name, value): (usize, Node)| {
                    let kind = if value.as_table().is_some() { "table" } else { "leaf" };
                    let origin = Origin::Text(0);
                    (format!("{kind}{name}"), Entry { key: origin, node: value })
                };
                node(Value::Table(entries.into_iter().map(entry).collect()))
            })
        })
    }

    fn tables() -> impl Strategy<Value = Node> {
        trees().prop_filter("the root is a table", |tree| tree.as_table().is_some())
    }

    proptest! {
        #[test]
        fn nothing_changes_nothing(tree in tables()) {
            let nothing = Node::table(Origin::Text(0));
            prop_assert_eq!(shown(&merged(&tree, &nothing)), shown(&tree));
            prop_assert_eq!(shown(&merged(&nothing, &tree)), shown(&tree));
        }

        #[test]
        fn twice_is_once(base in tables(), over in tables()) {
            let once = merged(&base, &over);
            prop_assert_eq!(shown(&merged(&once, &over)), shown(&once));
        }

        #[test]
        fn layers_can_be_merged_in_any_grouping(a in tables(), b in tables(), c in tables()) {
            let left = merged(&merged(&a, &b), &c);
            prop_assert_eq!(shown(&left), shown(&merged(&a, &merged(&b, &c))));
        }
    }

    #[test]
    fn shares_are_merged_by_target_however_the_base_writes_them() {
        let over = || node("to = [{ target = 'b', weight = 3 }]");
        for (base, targets) in [
            ("to = 'a'", 2),
            ("to = { target = 'a' }", 2),
            ("to = [{ target = 'a' }, { target = 'b@current', weight = 1 }]", 2),
            ("to = []", 1),
        ] {
            let mut route = node(base);
            merge_route(&mut route, over());
            let Some(Value::Array(found)) = route.get("to").map(|node| &node.value) else {
                panic!("{base}")
            };
            assert_eq!(found.len(), targets, "{base}");
            let last = found.last().unwrap();
            assert!(matches!(last.get("weight").unwrap().value, Value::Integer(3)), "{base}");
        }
        let mut route = node("to = ['a', 'b']");
        merge_route(&mut route, node("to = 'c'"));
        assert_eq!(route.get("to").unwrap().as_str(), Some("c"));
    }
}
