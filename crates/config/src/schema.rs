//! The JSON Schema of `pilotlight.toml`: what editors know of it, and what its keys, types and
//! ranges are checked against.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::types::Config;

const DEFINITIONS: &str = "#/$defs/";

/// The schema of a configuration without environments.
pub(crate) static CONFIG: LazyLock<Value> = LazyLock::new(config);
/// The schema of a file.
pub(crate) static FILE: LazyLock<Value> = LazyLock::new(file);

/// The JSON Schema (draft 2020-12) of `pilotlight.toml`, as published.
pub fn schema() -> String {
    format!("{:#}\n", *FILE)
}

fn config() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>().to_value();
    schema["title"] = json!("pilotlight.toml");
    without_null(&mut schema);
    describe_routes(&mut schema["$defs"]);
    describe_files(&mut schema["$defs"]);
    schema
}

fn file() -> Value {
    let mut schema = CONFIG.clone();
    let overlay = Overlays::of(&schema);
    if let Some(definitions) = schema["$defs"].as_object_mut() {
        definitions.extend(overlay);
    }
    schema["properties"]["env"] = json!({
        "description": "Overrides of environments, by the name of the environment, which `--env NAME` or \
            PILOTLIGHT_ENV selects. Tables are merged key by key, except `sticky`. Routes are \
            identified by their names, and targets by theirs.",
        "type": "object",
        "additionalProperties": { "$ref": format!("{DEFINITIONS}Overlay") },
    });
    schema
}

/// TOML has no null: what may be missing is missing.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(table) => {
            if let Some(Value::Array(kinds)) = table.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    table["type"] = kind.clone();
                }
            }
            if let Some(Value::Array(alternatives)) = table.get_mut("anyOf") {
                alternatives.retain(|schema| schema["type"] != "null");
                if let [Value::Object(only)] = alternatives.as_slice() {
                    let only = only.clone();
                    table.remove("anyOf");
                    only.into_iter().for_each(|(key, value)| {
                        table.entry(key).or_insert(value);
                    });
                }
            }
            table.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// What the types of the router do not tell a schema.
fn describe_routes(definitions: &mut Value) {
    let targets =
        json!({ "type": "array", "items": { "$ref": format!("{DEFINITIONS}WeightedTarget") } });
    let to = &mut definitions["Route"]["properties"]["to"];
    *to = json!({
        "description": to["description"],
        "anyOf": [
            { "$ref": format!("{DEFINITIONS}Target") },
            { "$ref": format!("{DEFINITIONS}WeightedTarget") },
            targets,
        ],
    });
    definitions["Target"]["format"] = json!("target");
    let lasts = &mut definitions["Step"]["properties"]["for"];
    lasts["format"] = json!("period");
    lasts["x-shortest"] = json!("1ms");
}

/// What the types of authentication and de-identification do not tell a schema.
fn describe_files(definitions: &mut Value) {
    for (table, key) in [("Auth", "api-keys"), ("Auth", "jwks"), ("Deidentify", "keys")] {
        let file = &mut definitions[table]["properties"][key];
        file["format"] = json!("path");
        file["minLength"] = json!(1);
    }
}

/// Schemas of tables that change others: nothing is required, but for the names of what is changed.
struct Overlays<'a> {
    definitions: &'a Map<String, Value>,
    done: Map<String, Value>,
}

impl<'a> Overlays<'a> {
    fn of(schema: &'a Value) -> Map<String, Value> {
        let Some(definitions) = schema["$defs"].as_object() else { return Map::new() };
        let mut overlays = Overlays { definitions, done: Map::new() };
        let keys = ["type", "description", "properties", "additionalProperties"];
        let root = keys.iter().map(|key| ((*key).to_owned(), schema[*key].clone())).collect();
        overlays.add("", Value::Object(root), None);
        overlays.done
    }

    fn add(&mut self, name: &str, mut schema: Value, required: Option<&str>) {
        if let Some(table) = schema.as_object_mut() {
            table.remove("required");
            if let Some(key) = required {
                table.insert("required".to_owned(), json!([key]));
            }
        }
        self.done.insert(overlay(name), Value::Null);
        if let Some(properties) = schema["properties"].as_object_mut() {
            properties.values_mut().for_each(|property| self.refer(property));
        }
        self.done.insert(overlay(name), schema);
    }

    /// Has `schema` refer to the overlays of tables.
    fn refer(&mut self, schema: &mut Value) {
        let Some(table) = schema.as_object_mut() else { return };
        table.remove("default");
        if let Some(Value::String(target)) = table.get_mut("$ref") {
            let name = target.strip_prefix(DEFINITIONS).unwrap_or_default().to_owned();
            let Some(definition) = self.definitions.get(&name) else { return };
            if definition.get("properties").is_none() {
                return;
            }
            *target = format!("{DEFINITIONS}{}", overlay(&name));
            if !self.done.contains_key(&overlay(&name)) {
                let required = match name.as_str() {
                    "Route" => Some("name"),
                    "WeightedTarget" => Some("target"),
                    _ => None,
                };
                self.add(&name, definition.clone(), required);
            }
        }
        // Steps of a canary are replaced as a whole; routes and their targets are merged.
        let merged = ["Route", "WeightedTarget"].map(|name| json!(format!("{DEFINITIONS}{name}")));
        if let Some(items) = table.get_mut("items")
            && merged.contains(&items["$ref"])
        {
            self.refer(items);
        }
        if let Some(values) = table.get_mut("additionalProperties") {
            self.refer(values);
        }
        if let Some(Value::Array(alternatives)) = table.get_mut("anyOf") {
            alternatives.iter_mut().for_each(|alternative| self.refer(alternative));
        }
    }
}

fn overlay(name: &str) -> String {
    format!("{name}Overlay")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format;

    fn each(schema: &Value, visit: &mut dyn FnMut(&Map<String, Value>)) {
        match schema {
            Value::Object(table) => {
                visit(table);
                table.values().for_each(|value| each(value, visit));
            }
            Value::Array(items) => items.iter().for_each(|value| each(value, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_pattern_is_checked_by_its_format() {
        let mut patterns = 0;
        each(&FILE, &mut |schema| {
            if schema.get("pattern").is_some_and(Value::is_string) {
                patterns += 1;
                let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
                assert!(format::KNOWN.contains(&format), "{schema:?}");
            }
        });
        assert!(patterns >= 5);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        each(&FILE, &mut |schema| {
            if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
                assert!(FILE.pointer(&target[1..]).is_some_and(Value::is_object), "{target}");
            }
        });
    }

    #[test]
    fn every_key_of_ours_is_described_and_no_table_takes_unknown_keys() {
        each(&FILE, &mut |schema| {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            if !properties.contains_key("type") {
                assert_eq!(schema.get("additionalProperties"), Some(&json!(false)), "{schema:?}");
                for (name, property) in properties {
                    let tagged = schema.get("description").is_some();
                    assert!(property.get("description").is_some() || tagged, "{name}");
                }
            }
        });
    }
}
