use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Function, or one of its versions: `NAME`, `NAME@previous`, or `NAME@` and at least eight digits
/// of the SHA-256 of a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Name of the function.
    pub function: String,
    /// Version of the function.
    pub version: VersionName,
}

/// Which version of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionName {
    /// The version that serves.
    #[default]
    Current,
    /// The version to which a rollback returns.
    Previous,
    /// The version whose SHA-256 begins with these lower-case hexadecimal digits.
    Digest(String),
}

impl Target {
    /// Whether both may name one version: equal, or digests of which one begins the other.
    pub(crate) fn may_be(&self, other: &Self) -> bool {
        let same = match (&self.version, &other.version) {
            (VersionName::Digest(one), VersionName::Digest(two)) => {
                one.starts_with(two.as_str()) || two.starts_with(one.as_str())
            }
            (one, two) => one == two,
        };
        same && self.function == other.function
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (function, version) = text.split_once('@').unwrap_or((text, "current"));
        let name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
        if function.is_empty() || !function.chars().all(name) {
            return Err(format!(
                "{text:?}: the name of a function consists of letters, digits, `-`, `_` and `.`"
            ));
        }
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let version = match version {
            "current" => VersionName::Current,
            "previous" => VersionName::Previous,
            digits if (8..=64).contains(&digits.len()) && digits.chars().all(hex) => {
                VersionName::Digest(digits.to_owned())
            }
            _ => {
                return Err(format!(
                    "{text:?}: a version is `previous`, or 8 to 64 hexadecimal digits of its \
                     SHA-256"
                ));
            }
        };
        Ok(Self { function: function.to_owned(), version })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match &self.version {
            VersionName::Current => Ok(()),
            VersionName::Previous => f.write_str("@previous"),
            VersionName::Digest(digits) => write!(f, "@{digits}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Function, or one of its versions: NAME, NAME@previous, or NAME@ and at \
                least eight digits of the SHA-256 of a version",
            "pattern": "^[A-Za-z0-9._-]+(@(current|previous|[0-9a-f]{8,64}))?$",
        })
    }
}
