//! The client of a request that came through proxies: `X-Forwarded-For` and `Forwarded` (RFC 7239).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Which header trusted proxies set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For` or `Forwarded`. A request with both must name the same client in both:
    /// proxies that set one of them usually pass the other on as the client sent it.
    #[default]
    Any,
    /// `X-Forwarded-For`; `Forwarded` is ignored.
    XForwardedFor,
    /// `Forwarded`; `X-Forwarded-For` is ignored.
    Forwarded,
}

/// Errors of the forwarded headers of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardedError {
    /// A header that a trusted proxy set cannot be read.
    #[error("header {0} is malformed: it contains no client address")]
    Malformed(&'static str),
    /// Two headers name two clients.
    #[error("the headers x-forwarded-for and forwarded name different clients; send one of them")]
    Disagree,
}

/// What a header says of one hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// A proxy does not know, or does not tell.
    Unknown,
}

/// The client of a request that the trusted proxy `peer` sent: the last address of the chain in its
/// headers that is not `trusted`, or the first one where all of them are. `None` if a trusted proxy
/// hides it. Without such a header it is `peer` itself. Whatever stands before that address was
/// written by nobody who is trusted, and is not looked at.
///
/// # Errors
/// [`ForwardedError`]; the request must then be refused, since taking the proxy's own address for the
/// client's would let it pass for somebody inside.
pub fn forwarded_client(
    headers: &HeaderMap,
    peer: IpAddr,
    header: ForwardedHeader,
    trusted: &dyn Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, ForwardedError> {
    let by_list = || client_in_list(headers, peer, trusted);
    let by_elements = || client_in_elements(headers, peer, trusted);
    match header {
        ForwardedHeader::XForwardedFor => by_list(),
        ForwardedHeader::Forwarded => by_elements(),
        ForwardedHeader::Any if !headers.contains_key(FORWARDED) => by_list(),
        ForwardedHeader::Any if !headers.contains_key(&X_FORWARDED_FOR) => by_elements(),
        ForwardedHeader::Any => {
            let client = by_list()?;
            if client == by_elements()? { Ok(client) } else { Err(ForwardedError::Disagree) }
        }
    }
}

/// By `X-Forwarded-For`: addresses, each added at the end by the proxy that it connected to.
fn client_in_list(
    headers: &HeaderMap,
    peer: IpAddr,
    trusted: &dyn Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, ForwardedError> {
    let lines = headers.get_all(&X_FORWARDED_FOR).iter().rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let entries = entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty());
    let nodes = entries.map(|entry| str::from_utf8(entry).ok().and_then(read_node));
    walk(nodes, peer, trusted).ok_or(ForwardedError::Malformed("x-forwarded-for"))
}

/// By `Forwarded`: elements with parameters, of which `for` is the client of a proxy.
fn client_in_elements(
    headers: &HeaderMap,
    peer: IpAddr,
    trusted: &dyn Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, ForwardedError> {
    let lines = headers.get_all(FORWARDED).iter().rev();
    // Quotes are paired from the left, so that a line is read as a whole.
    let nodes = lines.flat_map(|line| match read_elements(line) {
        Some(nodes) => nodes.into_iter().rev().map(Some).collect(),
        None => vec![None],
    });
    walk(nodes, peer, trusted).ok_or(ForwardedError::Malformed("forwarded"))
}

/// Follows hops from the last to the first; `None` for one that cannot be read.
fn walk(
    nodes: impl Iterator<Item = Option<Node>>,
    peer: IpAddr,
    trusted: &dyn Fn(IpAddr) -> bool,
) -> Option<Option<IpAddr>> {
    let mut last = peer;
    for node in nodes {
        match node? {
            Node::Unknown => return Some(None),
            Node::Address(address) if !trusted(address) => return Some(Some(address)),
            Node::Address(address) => last = address,
        }
    }
    Some(Some(last))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, `unknown` or `_hidden`.
fn read_node(text: &str) -> Option<Node> {
    if text.eq_ignore_ascii_case("unknown") || is_obfuscated(text) {
        return Some(Node::Unknown);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Node::Address(address.to_canonical()));
    }
    let (address, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (address, rest) = inner.split_once(']')?;
            (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), rest)
        }
        None => {
            let end = text.find(':')?;
            let (address, rest) = text.split_at(end);
            (IpAddr::V4(address.parse::<Ipv4Addr>().ok()?), rest)
        }
    };
    let is_port = |port: &str| {
        let digits =
            (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        digits || is_obfuscated(port)
    };
    let fits = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    fits.then(|| Node::Address(address.to_canonical()))
}

/// An identifier that tells nothing (RFC 7239, 6.3).
fn is_obfuscated(text: &str) -> bool {
    let rest = text.strip_prefix('_');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
}

/// Hops of one `Forwarded` line; `None` if it is malformed. An element without `for` tells nothing.
fn read_elements(line: &HeaderValue) -> Option<Vec<Node>> {
    let mut rest = line.to_str().ok()?.trim_matches([' ', '\t']);
    let mut nodes = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start_matches([' ', '\t']);
            continue;
        }
        let node;
        (node, rest) = read_element(rest)?;
        nodes.push(node);
    }
    Some(nodes)
}

/// One element, and what follows it: nothing, or a comma.
fn read_element(text: &str) -> Option<(Node, &str)> {
    let (mut node, mut rest) = (None, text);
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        // Empty parameters are allowed by the grammar, as in `for=192.0.2.1;`.
        if !rest.starts_with([';', ',']) && !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = read_value(after)?;
            if !is_token(name) {
                return None;
            }
            if name.eq_ignore_ascii_case("for") {
                // Twice in one element is two clients of one proxy.
                if node.replace(read_node(&value)?).is_some() {
                    return None;
                }
            }
            rest = after.trim_start_matches([' ', '\t']);
        }
        match rest.strip_prefix(';') {
            Some(after) => rest = after,
            None if rest.is_empty() || rest.starts_with(',') => {
                return Some((node.unwrap_or(Node::Unknown), rest));
            }
            None => return None,
        }
    }
}

/// A token or a quoted string, and what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ';', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        // Proxies write addresses with colons without the quotes that they need.
        let bare = !value.is_empty() && !value.contains(['"', '\\', '=']);
        return bare.then(|| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

fn is_token(name: &str) -> bool {
    let tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(tchar)
}
