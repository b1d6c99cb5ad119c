//! Checks a tree against a JSON Schema, as far as schemas of this crate go: keys, types, ranges,
//! formats. Every error is found, not only the first.

use serde_json::Value as Schema;

use crate::diagnostic::{Fault, Kind};
use crate::key::{Key, Part};
use crate::tree::{Node, Table, Value};
use crate::{format, suggestion};

/// Every error of `tree`.
pub(crate) fn check(root: &Schema, tree: &Node) -> Vec<Fault> {
    check_part(root, root, tree, &Key::default())
}

/// Every error of a value that `schema`, a part of `root`, is for.
pub(crate) fn check_part(root: &Schema, schema: &Schema, node: &Node, key: &Key) -> Vec<Fault> {
    let mut found = Found { root, faults: Vec::new() };
    found.value(schema, node, key);
    found.faults
}

/// The schema of the values that `name` has in tables of `schema`.
pub(crate) fn property<'a>(root: &'a Schema, schema: &'a Schema, name: &str) -> Option<&'a Schema> {
    let schema = resolve(root, schema);
    let alternatives = alternatives(schema).into_iter().flatten();
    let own = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
    own.filter(|schema| schema.is_object())
        .or_else(|| alternatives.filter_map(|schema| property(root, schema, name)).next())
}

/// The schema of the elements of arrays of `schema`.
pub(crate) fn items<'a>(root: &'a Schema, schema: &'a Schema) -> Option<&'a Schema> {
    let schema = resolve(root, schema);
    let alternatives = alternatives(schema).into_iter().flatten();
    let own = schema.get("items");
    own.or_else(|| alternatives.filter_map(|schema| items(root, schema)).next())
}

/// Whether the value at `parts`, or the array that it is in, is one that its table has to have.
pub(crate) fn is_required(root: &Schema, parts: &[Part]) -> bool {
    let names = parts.iter().rposition(|part| matches!(part, Part::Name(_)));
    let Some((Part::Name(name), table)) = names.and_then(|last| parts[..=last].split_last()) else {
        return false;
    };
    let schema = table.iter().try_fold(root, |schema, part| match part {
        Part::Name(name) => property(root, schema, name),
        Part::Index(_) => items(root, schema),
    });
    let required = schema.and_then(|schema| resolve(root, schema)["required"].as_array());
    required.is_some_and(|names| names.iter().any(|required| required == name))
}

/// The names of the values in tables of `schema`.
pub(crate) fn names<'a>(root: &'a Schema, schema: &'a Schema) -> impl Iterator<Item = &'a str> {
    let properties = resolve(root, schema)["properties"].as_object();
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
}

fn resolve<'a>(root: &'a Schema, schema: &'a Schema) -> &'a Schema {
    let target = schema.get("$ref").and_then(Schema::as_str);
    target.and_then(|target| root.pointer(target.strip_prefix('#')?)).unwrap_or(schema)
}

fn alternatives(schema: &Schema) -> Option<&Vec<Schema>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}

struct Found<'a> {
    root: &'a Schema,
    faults: Vec<Fault>,
}

impl<'a> Found<'a> {
    fn add(&mut self, kind: Kind, node: &Node, key: &Key, message: String) {
        self.faults.push(Fault { kind, origin: node.origin.clone(), key: key.clone(), message });
    }

    fn value(&mut self, schema: &'a Schema, node: &Node, key: &Key) {
        let schema = resolve(self.root, schema);
        let kinds = self.kinds(schema);
        if !kinds.is_empty() && !kinds.iter().any(|kind| is(node, kind)) {
            let message = format!("must be {}, not {}", words(&kinds), word(node));
            return self.add(Kind::Bad, node, key, message);
        }
        let choices = self.choices(schema);
        if let (false, Some(text)) = (choices.is_empty(), node.as_str()) {
            return self.choice(&choices, text, node, key);
        }
        if let Some(alternatives) = alternatives(schema) {
            self.alternative(alternatives, node, key);
            return self.size(schema, node, key);
        }
        match &node.value {
            Value::Table(table) => self.table(schema, table, node, key),
            Value::Array(nodes) => {
                let Some(schema) = schema.get("items") else { return };
                nodes
                    .iter()
                    .enumerate()
                    .for_each(|(i, item)| self.value(schema, item, &key.index(i)));
            }
            Value::String(text) => self.string(schema, text, node, key),
            Value::Integer(number) => self.number(schema, *number as f64, node, key),
            Value::Float(number) => self.number(schema, *number, node, key),
            Value::Boolean(_) | Value::Date(_) => {}
        }
    }

    /// The types that a value may have; empty if it may have any.
    fn kinds(&self, schema: &'a Schema) -> Vec<&'a str> {
        let schema = resolve(self.root, schema);
        let mut kinds = match (&schema["type"], alternatives(schema)) {
            (Schema::String(kind), _) => vec![kind.as_str()],
            (Schema::Array(kinds), _) => kinds.iter().filter_map(Schema::as_str).collect(),
            (_, Some(alternatives)) => {
                alternatives.iter().flat_map(|schema| self.kinds(schema)).collect()
            }
            _ => Vec::new(),
        };
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The words that a string may be; empty if it may be any.
    fn choices(&self, schema: &'a Schema) -> Vec<&'a str> {
        let schema = resolve(self.root, schema);
        if let Some(word) = schema["const"].as_str() {
            return vec![word];
        }
        if let Some(words) = schema["enum"].as_array() {
            return words.iter().filter_map(Schema::as_str).collect();
        }
        let mut all = Vec::new();
        for alternative in alternatives(schema).into_iter().flatten() {
            let choices = self.choices(alternative);
            if choices.is_empty() && self.kinds(alternative).contains(&"string") {
                return Vec::new();
            }
            all.extend(choices);
        }
        all
    }

    fn choice(&mut self, choices: &[&str], text: &str, node: &Node, key: &Key) {
        if !choices.contains(&text) {
            let known = quoted(choices);
            let hint = suggestion::hint(suggestion::closest(text, choices.iter().copied()));
            self.add(Kind::Bad, node, key, format!("{text:?} is not one of {known}{hint}"));
        }
    }

    fn alternative(&mut self, alternatives: &'a [Schema], node: &Node, key: &Key) {
        let fits = |schema: &&'a Schema| {
            let kinds = self.kinds(schema);
            kinds.is_empty() || kinds.iter().any(|kind| is(node, kind))
        };
        let fitting: Vec<&Schema> = alternatives.iter().filter(fits).collect();
        if let (Some(table), true) = (node.as_table(), fitting.len() > 1) {
            return self.tagged(&fitting, table, node, key);
        }
        let faults = fitting.iter().map(|schema| check_part(self.root, schema, node, key));
        self.faults.extend(faults.min_by_key(Vec::len).unwrap_or_default());
    }

    /// A table whose only key says what it is.
    fn tagged(&mut self, alternatives: &[&'a Schema], table: &Table, node: &Node, key: &Key) {
        let of = |schema: &&'a Schema| names(self.root, schema).collect::<Vec<_>>();
        let known: Vec<&str> = alternatives.iter().flat_map(of).collect();
        let (said, unknown): (Vec<_>, Vec<_>) =
            table.iter().partition(|(name, _)| known.contains(&name.as_str()));
        for (name, entry) in &unknown {
            let fault = self::unknown(name, &entry.key, key, known.iter().copied(), None);
            // Without it nothing is left that says what the table is.
            self.faults.push(Fault { kind: Kind::Bad, ..fault });
        }
        match said.as_slice() {
            [] if unknown.is_empty() => {
                let message = format!("one of {} is missing", quoted(&known));
                self.add(Kind::Bad, node, key, message);
            }
            [] => {}
            [(name, entry)] => {
                let schema = alternatives.iter().find_map(|s| property(self.root, s, name));
                let Some(schema) = schema else { return };
                self.value(schema, &entry.node, &key.name(name));
            }
            _ => {
                let message = format!("only one of {} can be given", quoted(&known));
                self.add(Kind::Bad, node, key, message);
            }
        }
    }

    fn table(&mut self, schema: &'a Schema, table: &Table, node: &Node, key: &Key) {
        for (name, entry) in table {
            let below = key.name(name);
            if let Some(format) = schema["propertyNames"]["format"].as_str()
                && let Err(message) = format::check(format, name)
            {
                let origin = entry.key.clone();
                self.faults.push(Fault { kind: Kind::Unknown, origin, key: below, message });
                continue;
            }
            let property = schema["properties"].get(name).or(schema.get("additionalProperties"));
            match property {
                Some(Schema::Bool(false)) => {
                    let inside = self.inside(schema, name);
                    let known = names(self.root, schema);
                    self.faults.push(unknown(name, &entry.key, key, known, inside));
                }
                Some(property) => self.value(property, &entry.node, &below),
                None => {}
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Schema::as_str).filter(|name| !table.contains_key(*name)) {
            self.add(Kind::Missing, node, &key.name(name), "is missing".to_owned());
        }
    }

    /// A table of this one that has a key of this name.
    fn inside(&self, schema: &'a Schema, name: &str) -> Option<String> {
        let name = suggestion::normalized(name);
        let properties = schema["properties"].as_object()?;
        properties.iter().find_map(|(table, schema)| {
            let found = names(self.root, schema).find(|inner| *inner == name)?;
            Some(format!("{table}.{found}"))
        })
    }

    fn string(&mut self, schema: &Schema, text: &str, node: &Node, key: &Key) {
        let Some(format) = schema["format"].as_str() else { return };
        if let Err(message) = format::check(format, text) {
            return self.add(Kind::Bad, node, key, message);
        }
        let Ok(time) = format::period(text) else { return };
        let limit = |name: &str| {
            let text = schema.get(name).and_then(Schema::as_str);
            text.and_then(|text| Some((text, format::period(text).ok()?)))
        };
        let (shortest, longest) = (limit("x-shortest"), limit("x-longest"));
        let too_short = shortest.is_some_and(|(_, limit)| time < limit);
        if too_short || longest.is_some_and(|(_, limit)| time > limit) {
            let range = range(shortest.map(|(text, _)| text), longest.map(|(text, _)| text));
            self.add(Kind::Bad, node, key, format!("{text:?}: must be {range}"));
        }
    }

    /// Holds a size, however it is written, against the smallest and the largest there may be.
    fn size(&mut self, schema: &Schema, node: &Node, key: &Key) {
        let limit = |name: &str| {
            let text = schema.get(name).and_then(Schema::as_str);
            text.and_then(|text| Some((text, format::size(text).ok()?)))
        };
        let (smallest, largest) = (limit("x-smallest"), limit("x-largest"));
        let bytes = match &node.value {
            Value::Integer(number) => *number,
            Value::String(text) => format::size(text).map_or(-1, i128::from),
            _ => -1,
        };
        // What is no size has been told already.
        let too_small = smallest.is_some_and(|(_, limit)| (0..i128::from(limit)).contains(&bytes));
        if too_small || largest.is_some_and(|(_, limit)| bytes > i128::from(limit)) {
            let range = range(smallest.map(|(text, _)| text), largest.map(|(text, _)| text));
            self.add(Kind::Bad, node, key, format!("must be {range}"));
        }
    }

    fn number(&mut self, schema: &Schema, number: f64, node: &Node, key: &Key) {
        if !number.is_finite() {
            return self.add(Kind::Bad, node, key, "must be a finite number".to_owned());
        }
        let (least, most) = (&schema["minimum"], &schema["maximum"]);
        let below = least.as_f64().is_some_and(|least| number < least);
        if below || most.as_f64().is_some_and(|most| number > most) {
            let text = |limit: &Schema| limit.is_number().then(|| limit.to_string());
            let range = range(text(least), text(most));
            self.add(Kind::Bad, node, key, format!("must be {range}"));
        }
    }
}

fn unknown<'a>(
    name: &str,
    origin: &crate::location::Origin,
    table: &Key,
    known: impl Iterator<Item = &'a str>,
    inside: Option<String>,
) -> Fault {
    let hint = suggestion::hint(suggestion::closest(name, known).or(inside.as_deref()));
    let message = format!("unknown key{hint}");
    Fault { kind: Kind::Unknown, origin: origin.clone(), key: table.name(name), message }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn range<T: std::fmt::Display>(least: Option<T>, most: Option<T>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "another".to_owned(),
    }
}

/// Whether a value is of a type of JSON Schema.
fn is(node: &Node, kind: &str) -> bool {
    match &node.value {
        Value::Table(_) => kind == "object",
        Value::Array(_) => kind == "array",
        Value::String(_) => kind == "string",
        Value::Integer(_) => kind == "integer" || kind == "number",
        Value::Float(_) => kind == "number",
        Value::Boolean(_) => kind == "boolean",
        Value::Date(_) => false,
    }
}

fn words(kinds: &[&str]) -> String {
    let word = |kind: &&str| match *kind {
        "object" => "a table",
        "array" => "an array",
        "string" => "a string",
        "integer" => "an integer",
        "boolean" => "true or false",
        _ => "a number",
    };
    kinds.iter().map(word).collect::<Vec<_>>().join(" or ")
}

fn word(node: &Node) -> &'static str {
    match &node.value {
        Value::Table(_) => "a table",
        Value::Array(_) => "an array",
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Boolean(_) => "true or false",
        Value::Date(_) => "a date",
    }
}
