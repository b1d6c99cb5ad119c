//! The file of API keys, and who has them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use pilotlight_files::read_list;
use toml::{Table, Value};

use crate::date::system_time;
use crate::error::{Error, InvalidValue, MAX_LIST_BYTES};
use crate::fingerprint::Fingerprint;
use crate::key::{check_id, id_of};
use crate::principal::Principal;
use crate::rate::Rate;
use crate::rejection::Reason;

/// API keys that may ask. They are known by their SHA-256 alone:
///
/// ```toml
/// [keys.laptop]
/// sha256 = "…"                    # printf %s KEY | sha256sum
/// name = "Ada's laptop"           # optional, as are the others
/// expires = 2027-06-30T00:00:00Z
/// rate = 5                        # requests per second, instead of everybody's
/// burst = 20
/// ```
///
/// A slow hash, as passwords need, would gain nothing: nobody can try 2^160 keys, however fast.
/// It would cost milliseconds for each request, and those of anybody who makes up keys, too.
#[derive(Debug)]
pub struct ApiKeys {
    keys: HashMap<Arc<str>, Entry>,
    /// What keys that are not there are compared with: those that are must not be told by the time
    /// it takes.
    nobody: Fingerprint,
}

#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    name: Option<Arc<str>>,
    expires: Option<SystemTime>,
    rate: Option<Rate>,
}

impl ApiKeys {
    /// Reads a file that its owner alone can write to.
    ///
    /// # Errors
    /// [`Error::Writable`], [`Error::TooLong`], [`Error::Io`], and [`Error::In`] for an invalid value.
    pub fn read_file(path: &Path) -> Result<Self, Error> {
        let text = read_list(path, MAX_LIST_BYTES).map_err(Error::of_list(path))?;
        Self::parse(&text).map_err(|invalid| Error::In { path: path.to_owned(), invalid })
    }

    /// Parses the text of such a file. Without keys it lets nobody in.
    ///
    /// # Errors
    /// The first [`InvalidValue`]: text that is not TOML, or a key that is unknown, missing or wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let file: Table = text.parse().map_err(|error| syntax(text, &error))?;
        let mut keys = HashMap::new();
        for (key, value) in file {
            let ("keys", Value::Table(entries)) = (key.as_str(), value) else {
                let message = "must be a table with one table for each key, such as [keys.laptop]";
                return Err(InvalidValue::new(shown(&key), message));
            };
            for (id, entry) in entries {
                let place = format!("keys.{}", shown(&id));
                check_id(&id).map_err(|message| InvalidValue::new(&place, message))?;
                keys.insert(id.into(), Entry::new(entry, &place)?);
            }
        }
        Ok(Self { keys, nobody: Fingerprint::of(b"") })
    }

    /// Whose key it is, and how much he may ask if it is not what everybody may.
    pub(crate) fn identify(
        &self,
        key: &str,
        now: SystemTime,
    ) -> Result<(Principal, Option<Rate>), Reason> {
        let id = id_of(key).ok_or(Reason::KeyMalformed)?;
        let found = self.keys.get_key_value(id);
        let fits =
            found.map_or(&self.nobody, |(_, entry)| &entry.fingerprint).is_of(key.as_bytes());
        let (id, entry) = found.ok_or(Reason::KeyUnknown)?;
        if !fits {
            return Err(Reason::KeyWrong(id.clone()));
        }
        if entry.expires.is_some_and(|expires| expires <= now) {
            return Err(Reason::KeyExpired(id.clone()));
        }
        Ok((Principal::Key { id: id.clone(), name: entry.name.clone() }, entry.rate))
    }

    /// Whether a key has a rate of its own.
    pub(crate) fn have_rates(&self) -> bool {
        self.keys.values().any(|entry| entry.rate.is_some())
    }
}

impl Entry {
    fn new(entry: Value, place: &str) -> Result<Self, InvalidValue> {
        let Value::Table(entry) = entry else {
            return Err(InvalidValue::new(place, "must be a table"));
        };
        let (mut fingerprint, mut name, mut expires) = (None, None, None);
        let (mut per_second, mut burst) = (None, None);
        for (key, value) in entry {
            let wrong = |message| InvalidValue::new(format!("{place}.{}", shown(&key)), message);
            match key.as_str() {
                "sha256" => {
                    let digest = value.as_str().and_then(Fingerprint::from_hex);
                    fingerprint = Some(digest.ok_or_else(|| wrong(NOT_SHA256))?);
                }
                "name" => {
                    let text = value.as_str().ok_or_else(|| wrong("must be a string"))?;
                    name = Some(text.into());
                }
                "expires" => {
                    let date = value.as_datetime().and_then(system_time);
                    expires = Some(date.ok_or_else(|| wrong(NOT_A_DATE))?);
                }
                "rate" => {
                    let number = value.as_float().or(value.as_integer().map(|rate| rate as f64));
                    let message = "must be a number of requests per second";
                    per_second = Some(number.ok_or_else(|| wrong(message))?);
                }
                "burst" => {
                    let count = value.as_integer().and_then(|count| u32::try_from(count).ok());
                    burst = Some(count.ok_or_else(|| wrong("must be a number of requests"))?);
                }
                _ => {
                    return Err(wrong(
                        "unknown field; API keys have sha256, name, expires, rate and burst",
                    ));
                }
            }
        }
        let fingerprint = fingerprint.ok_or_else(|| {
            InvalidValue::new(
                place,
                "`sha256` is missing: the SHA-256 of the API key in 64 hexadecimal digits",
            )
        })?;
        let rate = Rate::of(per_second, burst).map_err(|invalid| invalid.inside(place))?;
        Ok(Self { fingerprint, name, expires, rate })
    }
}

const NOT_SHA256: &str =
    "must be the SHA-256 of the API key in 64 hexadecimal digits, not the key itself";
const NOT_A_DATE: &str = "must be a date with time and offset, such as 2027-06-30T00:00:00Z";

/// Names as they are in the file, unless one is so long that it may be a secret gone astray.
fn shown(name: &str) -> String {
    if name.len() > 32 { "…".to_owned() } else { name.escape_debug().to_string() }
}

/// Says where, without the line itself: it may hold a key.
fn syntax(text: &str, error: &toml::de::Error) -> InvalidValue {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    InvalidValue::new(format!("line {line}"), error.message())
}
