//! What strings of a configuration have to look like, by the schema's name for it.

use std::net::SocketAddr;
use std::time::Duration;

use pilotlight_router::{Network, Target};
use pilotlight_telemetry::OtlpOptions;
use pilotlight_wire::check_origin;

/// Stands for everything in lists of names.
pub(crate) const ANY: &str = "*";

/// A 32-bit sandbox cannot address more.
pub(crate) const LARGEST_MEMORY: u64 = 4 << 30;
pub(crate) const SMALLEST_MEMORY: u64 = 1 << 16;

/// Formats of the schema that are checked here.
#[cfg(test)]
pub(crate) const KNOWN: [&str; 9] = [
    "socket-address",
    "network",
    "period",
    "memory",
    "size",
    "path",
    "target",
    "function-name",
    "url",
];

/// Refuses `text` if it is not of `format`; formats that nobody knows have no rules.
pub(crate) fn check(format: &str, text: &str) -> Result<(), String> {
    match format {
        "socket-address" => text.parse::<SocketAddr>().map(drop).map_err(|_| {
            format!("{text:?} is not an address; write IP:PORT, such as \"127.0.0.1:3000\"")
        }),
        "network" => text.parse::<Network>().map(drop),
        "period" => period(text).map(drop),
        "memory" => memory(text).map(drop),
        "size" => size(text).map(drop),
        "path" if text.is_empty() || text.contains('\0') => Err(format!("{text:?} is not a path")),
        "target" => text.parse::<Target>().map(drop),
        "function-name" => function_name(text),
        "url" => url(text),
        "origin" if text != ANY => check_origin(text).map_err(|bad| bad.to_string()),
        "method" if text != ANY && !is_token(text, char::is_lowercase) => {
            Err(format!("{text:?} is not a method; write GET, POST or another one in capitals"))
        }
        "header-name" if text != ANY && !is_token(text, |_| false) => {
            Err(format!("{text:?} is not a header name"))
        }
        _ => Ok(()),
    }
}

/// RFC 9110, section 5.6.2; without what is `refused`.
fn is_token(text: &str, refused: impl Fn(char) -> bool) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(|c| is_known(c) && !refused(c))
}

fn function_name(text: &str) -> Result<(), String> {
    match text.parse::<Target>() {
        Ok(target) if target.function == text => Ok(()),
        Ok(_) => Err(format!("{text:?}: the name of a function must not have a version")),
        Err(message) => Err(message),
    }
}

fn url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.contains('@') {
        // The text may hold a password.
        return Err("the URL contains a user and a password; send them in a header".to_owned());
    }
    if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c == '?' || c == '#') {
        return Err(format!("{text:?} is not a URL; write http://HOST:PORT or https://HOST:PORT"));
    }
    OtlpOptions::check_endpoint(text).map_err(|error| error.to_string())
}

/// Reads a number and `ms`, `s`, `m` or `h`.
pub(crate) fn period(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is not a duration; write a number and ms, s, m or h, such as \"10s\"");
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is longer than the longest possible duration"))
}

/// Writes what [`period`] reads.
pub(crate) fn write_period(time: Duration) -> String {
    match time.as_millis() {
        milliseconds if milliseconds % 1000 == 0 => format!("{}s", milliseconds / 1000),
        milliseconds => format!("{milliseconds}ms"),
    }
}

/// Reads what [`size`] reads, as far as a sandbox may have so much memory.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    let fits = (SMALLEST_MEMORY..=LARGEST_MEMORY).contains(&bytes);
    fits.then_some(bytes).ok_or_else(|| format!("{text:?}: must be \"64KiB\" to \"4GiB\""))
}

/// Reads a number and `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// What would be right.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "{text:?} is not a size; write a number of bytes, or a number and KiB, MiB or GiB in \
             quotes, such as \"512MiB\""
        )
    };
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let unit = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1u64 << 30,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit)
        .ok_or_else(|| format!("{text:?} is larger than the largest possible size"))
}

/// Writes what [`size`] reads, if it is a whole number of KiB.
pub(crate) fn write_size(bytes: u64) -> Option<String> {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit))?;
    Some(format!("{}{}", bytes / unit.0, unit.1))
}

/// A whole number and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text[..text.len() - unit.len()].parse().ok()?;
    Some((number, unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(period("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(period("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(memory("64KiB"), Ok(65536));
        assert_eq!(memory("4GiB"), Ok(4 << 30));
        for wrong in ["", "10", "s", "1.5s", "-1s", "10 s", "10S", "99999999999999999999s"] {
            assert!(period(wrong).unwrap_err().contains("not a duration"), "{wrong}");
        }
        assert!(period("9999999999999999h").unwrap_err().contains("longest possible"));
        for wrong in ["", "10", "MiB", "1MB", "1.5GiB"] {
            assert!(memory(wrong).unwrap_err().contains("not a size"), "{wrong}");
        }
        for wrong in ["63KiB", "5GiB"] {
            assert!(memory(wrong).unwrap_err().contains("4GiB"), "{wrong}");
        }
        assert_eq!(size("5GiB"), Ok(5 << 30));
        assert!(size("99999999999999GiB").unwrap_err().contains("largest possible"));
    }

    #[test]
    fn origins_methods_and_headers_are_checked() {
        for (format, text) in [
            ("origin", "*"),
            ("origin", "https://app.example"),
            ("method", "*"),
            ("method", "POST"),
            ("header-name", "*"),
            ("header-name", "X-Request-Id"),
        ] {
            assert_eq!(check(format, text), Ok(()), "{format} {text}");
        }
        for (format, text) in [
            ("origin", "https://app.example/"),
            ("origin", ""),
            ("method", "post"),
            ("method", "A B"),
            ("header-name", ""),
            ("header-name", "a:"),
        ] {
            assert!(check(format, text).is_err(), "{format} {text}");
        }
    }

    #[test]
    fn names_of_functions_have_no_versions() {
        assert_eq!(check("function-name", "ner.de-2_x"), Ok(()));
        for wrong in ["", "a b", "ner@previous", "ner@current"] {
            assert!(check("function-name", wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(milliseconds: u32, kib in 64u64..=4 << 20) {
            let time = Duration::from_millis(milliseconds.into());
            prop_assert_eq!(period(&write_period(time)), Ok(time));
            prop_assert_eq!(memory(&write_size(kib << 10).unwrap()), Ok(kib << 10));
        }
    }
}
