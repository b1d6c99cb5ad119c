//! As much of JSON Schema (draft 2020-12) as the OpenAPI document uses. A keyword that is not known here is
//! an error, so that nothing goes unchecked.

use serde_json::Value;

/// The schemas of a document.
pub(super) struct Validator<'a>(pub(super) &'a Value);

impl Validator<'_> {
    /// Where a value is not valid and why, if it is not.
    pub(super) fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let Some(keywords) = schema.as_object() else {
            return holds(schema == &Value::Bool(true), "is not allowed", value);
        };
        keywords
            .iter()
            .try_for_each(|(keyword, argument)| self.keyword((keyword, argument), schema, value))
    }

    fn is_valid(&self, schema: &Value, value: &Value) -> bool {
        self.check(schema, value).is_ok()
    }

    fn keyword(
        &self,
        (keyword, argument): (&str, &Value),
        schema: &Value,
        value: &Value,
    ) -> Result<(), String> {
        let valid = |schema: &&Value| self.is_valid(schema, value);
        let schemas = || argument.as_array().unwrap().iter();
        let number = || argument.as_f64().unwrap();
        let fits = match keyword {
            "description" | "default" | "example" | "examples" => true,
            "$ref" => {
                let pointer = argument.as_str().unwrap().strip_prefix('#').unwrap();
                let referred = self.0.pointer(pointer);
                return self.check(referred.unwrap_or_else(|| panic!("{pointer}")), value);
            }
            "type" => match argument {
                Value::Array(types) => types.iter().any(|one| is(one, value)),
                one => is(one, value),
            },
            "enum" => argument.as_array().unwrap().contains(value),
            "const" => argument == value,
            "anyOf" => schemas().any(|schema| valid(&schema)),
            "oneOf" => schemas().filter(valid).count() == 1,
            "allOf" => return schemas().try_for_each(|schema| self.check(schema, value)),
            "not" => !self.is_valid(argument, value),
            "minimum" => value.as_f64().is_none_or(|value| value >= number()),
            "maximum" => value.as_f64().is_none_or(|value| value <= number()),
            "minLength" => value.as_str().is_none_or(|v| v.chars().count() as f64 >= number()),
            "minItems" => value.as_array().is_none_or(|value| value.len() as f64 >= number()),
            "maxItems" => value.as_array().is_none_or(|value| value.len() as f64 <= number()),
            "prefixItems" => {
                let mut items = value.as_array().into_iter().flatten().zip(schemas());
                return items.try_for_each(|(item, schema)| self.check(schema, item));
            }
            "items" => {
                let first = schema["prefixItems"].as_array().map_or(0, Vec::len);
                let mut items = value.as_array().into_iter().flatten().skip(first);
                return items.try_for_each(|item| self.check(argument, item));
            }
            "required" => value.as_object().is_none_or(|object| {
                schemas().all(|key| object.contains_key(key.as_str().unwrap()))
            }),
            "properties" => {
                let mut fields = value.as_object().into_iter().flatten();
                return fields.try_for_each(|(key, value)| match argument.get(key) {
                    Some(schema) => self.check(schema, value).map_err(|e| format!("{key}: {e}")),
                    None => Ok(()),
                });
            }
            "additionalProperties" => {
                let known = |key: &str| schema["properties"].get(key).is_some();
                let fields = value.as_object().into_iter().flatten();
                let mut others = fields.filter(|(key, _)| !known(key));
                return others.try_for_each(|(key, value)| {
                    self.check(argument, value).map_err(|error| format!("{key}: {error}"))
                });
            }
            _ => panic!("{keyword} is not known here"),
        };
        holds(fits, &format!("does not fit {keyword} {argument}"), value)
    }
}

fn holds(fits: bool, otherwise: &str, value: &Value) -> Result<(), String> {
    if fits { Ok(()) } else { Err(format!("{value} {otherwise}")) }
}

/// Whether a value is of a type; `5.0` is an integer, too.
fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|value| value.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}
