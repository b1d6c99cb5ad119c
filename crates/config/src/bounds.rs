//! Bounds of keys, for flags that say the same.

use crate::key::Key;
use crate::location::Origin;
use crate::schema::CONFIG;
use crate::schema_check;
use crate::tree::{Node, Value};

/// Refuses a number that `key`, such as `http.max-body-bytes`, may not be in a configuration.
///
/// # Errors
/// What would be right.
pub fn check_number(key: &str, number: u64) -> Result<(), String> {
    let schema =
        key.split('.').try_fold(&*CONFIG, |at, name| schema_check::property(&CONFIG, at, name));
    let schema = schema.ok_or_else(|| format!("the key `{key}` does not exist"))?;
    let node = Node { origin: Origin::Text(0), value: Value::Integer(number.into()) };
    let faults = schema_check::check_part(&CONFIG, schema, &node, &Key::default());
    faults.into_iter().next().map_or(Ok(()), |fault| Err(fault.message))
}
