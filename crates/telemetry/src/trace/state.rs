use std::fmt;

/// Maximum number of members of a list.
const MEMBERS: usize = 32;
/// What is passed on at least, and here at most.
const LENGTH: usize = 512;
/// Members longer than this are the first to go.
const LONG: usize = 128;

const LONGEST_KEY: usize = 256;
const LONGEST_VALUE: usize = 256;

/// The value of a `tracestate` header (W3C Trace Context level 2, 3.3): what other tracing
/// systems want passed on. It is not ours to read or change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceState(String);

impl TraceState {
    /// Reads the values of all `tracestate` headers of a request, in their order. A list that is
    /// longer than 512 characters loses its members of more than 128, then its last ones. `None`
    /// when it is not valid: it is not passed on, and the trace goes on without it.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut members: Vec<&str> = Vec::new();
        for value in values {
            let members_here = str::from_utf8(value).ok()?.split(',');
            for member in members_here.map(|member| member.trim_matches([' ', '\t'])) {
                if member.is_empty() {
                    continue;
                }
                if members.len() == MEMBERS || !valid(member) {
                    return None;
                }
                if members.iter().any(|other| key(other) == key(member)) {
                    return None;
                }
                members.push(member);
            }
        }
        Some(Self(shorten(members).join(",")))
    }

    /// The list as it is sent; empty when there is nothing to send.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn length(members: &[&str]) -> usize {
    let commas = members.len().saturating_sub(1);
    members.iter().map(|member| member.len()).sum::<usize>() + commas
}

fn shorten(mut members: Vec<&str>) -> Vec<&str> {
    while length(&members) > LENGTH {
        let long = members.iter().rposition(|member| member.len() > LONG);
        members.remove(long.unwrap_or(members.len() - 1));
    }
    members
}

fn key(member: &str) -> &str {
    member.split('=').next().unwrap_or_default()
}

fn valid(member: &str) -> bool {
    member.split_once('=').is_some_and(|(key, value)| valid_key(key) && valid_value(value))
}

fn valid_key(key: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let goes_on = |byte: u8| begins(byte) || b"_-*/@".contains(&byte);
    key.len() <= LONGEST_KEY && key.bytes().next().is_some_and(begins) && key.bytes().all(goes_on)
}

fn valid_value(value: &str) -> bool {
    let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    (1..=LONGEST_VALUE).contains(&value.len()) && value.bytes().all(printable)
}
