use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::{Error, Result};

/// A plain-text HTTP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    authority: Authority,
    path: PathAndQuery,
}

impl Url {
    /// `host` or `host:port`, as written.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The path and the query.
    pub fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// The port, 80 unless written.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(80)
    }

    /// The addresses of the host.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        Ok((host, self.port()).to_socket_addrs()?.collect())
    }

    /// Connects once; returns the address that accepted the connection, so that later connections
    /// need neither the resolver nor an address family without a listener.
    pub(crate) fn reach(&self, patience: Duration) -> io::Result<SocketAddr> {
        let mut refused = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in self.addresses()? {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(_) => return Ok(address),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |reason: &str| Error::syntax("URL", text, reason);
        let uri: Uri = text.parse().map_err(|_| wrong("not a URL; write http://HOST:PORT/PATH"))?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => {
                return Err(wrong("TLS is not supported; measure the server behind it by http://"));
            }
            _ => return Err(wrong("must start with http://")),
        }
        let parts = uri.into_parts();
        let authority = parts.authority.ok_or_else(|| wrong("the host is missing"))?;
        if authority.host().is_empty() {
            return Err(wrong("the host is missing"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("a user name is not supported; give a header with --header"));
        }
        let port = authority.as_str().rsplit_once("]").map_or(authority.as_str(), |(_, tail)| tail);
        if port.contains(':') && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(wrong("the port must be between 1 and 65535"));
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { authority, path })
    }
}

/// A server under measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name in the report.
    pub name: String,
    /// The URL of requests.
    pub url: Url,
}

impl FromStr for Target {
    type Err = Error;

    /// Reads `NAME=URL` or `URL`; without a name it is `host:port`.
    fn from_str(text: &str) -> Result<Self> {
        let before_url = text.find("://").unwrap_or(text.len());
        match text.find('=').filter(|equals| *equals < before_url) {
            Some(equals) => {
                let name = text[..equals].trim();
                if name.is_empty() {
                    return Err(Error::syntax("target", text, "the name before = is missing"));
                }
                Ok(Self { name: name.to_owned(), url: text[equals + 1..].parse()? })
            }
            None => {
                let url: Url = text.parse()?;
                Ok(Self { name: url.authority.to_string(), url })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_optional() {
        let named: Target = "fast one=http://127.0.0.1:8080/embed?x=1".parse().unwrap();
        assert_eq!((named.name.as_str(), named.url.port()), ("fast one", 8080));
        assert_eq!(named.url.to_string(), "http://127.0.0.1:8080/embed?x=1");
        let bare: Target = "http://localhost/a?b=c".parse().unwrap();
        assert_eq!((bare.name.as_str(), bare.url.port()), ("localhost", 80));
    }

    #[test]
    fn refusals_name_the_text_and_the_remedy() {
        for (text, part) in [
            ("a=https://h/", "TLS is not supported"),
            ("a=ftp://h/", "must start with http://"),
            ("localhost:80", "must start with http://"),
            ("=http://h/", "name before ="),
            ("http://h:0/", "between 1 and 65535"),
            ("http://u@h/", "user name"),
            ("", "not a URL"),
        ] {
            let message = text.parse::<Target>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z=]{0,4}(http|https)://)?\\PC*") {
            let _ = text.parse::<Target>();
        }
    }
}
