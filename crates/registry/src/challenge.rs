//! What a registry asks for with status 401 (RFC 9110, section 11.6.1).

/// One way to prove who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// With name and password.
    Basic,
    /// With a token, which `realm` gives out.
    Bearer {
        /// The token server.
        realm: String,
        /// What it knows the registry by.
        service: Option<String>,
    },
}

/// The challenges in the value of one `WWW-Authenticate` header. Others than these two are left
/// out.
pub(crate) fn challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c: char| !is_token(c));
        let end = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        rest = after;
        match (after.trim_start().strip_prefix('='), found.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, after) = read_value(value.trim_start());
                parameters.push((word.to_ascii_lowercase(), value));
                rest = after;
            }
            (Some(_), None) => {}
            (None, _) => found.push((word.to_ascii_lowercase(), Vec::new())),
        }
    }
    found.into_iter().filter_map(|(scheme, parameters)| known(&scheme, parameters)).collect()
}

fn known(scheme: &str, parameters: Vec<(String, String)>) -> Option<Challenge> {
    let mut realm = None;
    let mut service = None;
    for (name, value) in parameters {
        match &name[..] {
            "realm" => realm = Some(value),
            "service" => service = Some(value),
            _ => {}
        }
    }
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: realm?, service }),
        _ => None,
    }
}

/// A token or a quoted string, and what follows it.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use proptest::prelude::*;

    use super::{Challenge, challenges};

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = bearer("https://auth.docker.io/token", Some("registry.docker.io"));
        assert_eq!(challenges(hub), [expected]);
        assert_eq!(challenges(r#"Basic realm="basic-realm""#), [Challenge::Basic]);
        assert_eq!(challenges("Basic"), [Challenge::Basic]);
        let odd = r#"Negotiate, bearer Realm = "a\"b" , Service=c, BASIC realm="x, y""#;
        assert_eq!(challenges(odd), [bearer("a\"b", Some("c")), Challenge::Basic]);
    }

    #[test]
    fn what_names_no_token_server_is_no_challenge() {
        for header in ["", "Bearer", r#"Bearer service="x""#, "Digest realm=a", "=,=", "realm=x"] {
            assert_eq!(challenges(header), [], "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_to_its_end(header in r#"([A-Za-z]{0,3}|[ ,="\\é]){0,40}"#) {
            challenges(&header);
        }

        #[test]
        fn quoted_values_come_back(realm in ".{1,40}", service in ".{0,20}") {
            let quote = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
            let header = format!(r#"Bearer realm="{}",service="{}""#, quote(&realm), quote(&service));
            prop_assert_eq!(challenges(&header), [bearer(&realm, Some(&service))]);
        }
    }
}
