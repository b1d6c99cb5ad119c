//! JSON Schemas of values whose Rust types say too little.

use pilotlight_model::Task;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::format::{LARGEST_MEMORY, SMALLEST_MEMORY};

pub(crate) fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "socket-address" })
}

pub(crate) fn path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "path", "minLength": 1 })
}

pub(crate) fn paths(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": path(generator) })
}

pub(crate) fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "network" } })
}

pub(crate) fn table_of_paths(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": path(generator) })
}

pub(crate) fn task(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": Task::ALL.map(Task::name) })
}

pub(crate) fn period(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "period",
        "pattern": "^[0-9]+(ms|s|m|h)$",
        "examples": ["500ms", "10s", "2m"],
    })
}

pub(crate) fn memory(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "string", "format": "memory", "pattern": "^[0-9]+(KiB|MiB|GiB)$" },
            { "type": "integer", "minimum": SMALLEST_MEMORY, "maximum": LARGEST_MEMORY },
        ],
        "examples": ["512MiB"],
    })
}

pub(crate) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "string", "format": "size", "pattern": "^[0-9]+(KiB|MiB|GiB)$" },
            { "type": "integer", "minimum": 0 },
        ],
        "examples": ["64KiB", "2GiB"],
    })
}

pub(crate) fn url(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "url", "pattern": "^https?://[^/?#@\\s]+(/[^?#\\s]*)?$" })
}

pub(crate) fn headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
}

pub(crate) fn origins(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "origin" } })
}

pub(crate) fn methods(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "method" } })
}

pub(crate) fn header_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "header-name" } })
}
