use std::time::Duration;

use http::HeaderValue;
use pilotlight_auth::{
    ApiKey, ApiKeys, Authenticator, Error, Policy, Principal, Reason, Rejection,
};

use super::{bearer, check, guard_of, headers, refused, timestamp};

fn key(id: &str) -> ApiKey {
    ApiKey::generate(id).unwrap()
}

#[test]
fn a_key_lets_its_bearer_in_by_either_header() {
    let key = key("laptop");
    let authenticator = guard_of(&key, "name = \"Ada's laptop\"");
    let ada = Principal::Key { id: "laptop".into(), name: Some("Ada's laptop".into()) };
    let sent = key.expose();
    for headers in [
        bearer(sent),
        headers([("authorization", &format!("bEaReR   {sent}"))]),
        headers([("x-api-key", sent)]),
        headers([("x-api-key", sent), ("authorization", &format!("Bearer {sent}"))]),
        headers([("x-api-key", sent), ("authorization", "Basic QWRhOng=")]),
    ] {
        assert_eq!(check(&authenticator, &headers), Ok(ada.clone()), "{headers:?}");
    }
    assert_eq!(ada.to_string(), "key:laptop");
}

#[test]
fn keys_have_160_bits_that_nobody_has_drawn_before() {
    let (one, other) = (key("a-1"), key("a-1"));
    assert_ne!(one.expose(), other.expose());
    for key in [one, other] {
        let random = key.expose().strip_prefix("pl_a-1_").unwrap();
        // 32 characters of 5 bits.
        assert_eq!(random.len(), 32);
        assert!(random.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{random}");
    }
}

#[test]
fn every_character_of_a_key_turns_up() {
    let keys: String = (0..64).map(|_| key("a").expose()[5..].to_owned()).collect();
    assert!("abcdefghijklmnopqrstuvwxyz234567".chars().all(|c| keys.contains(c)), "{keys}");
}

#[test]
fn an_entry_holds_the_digest_that_sha256sum_prints() {
    // printf %s pl_laptop_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | sha256sum
    let entry = "[keys.laptop]\n\
        sha256 = \"7eda13c83dcafb5844d3425fa0c86bd8459128566e952856bb43f505a0203a44\"";
    let keys = ApiKeys::parse(entry).unwrap();
    let authenticator = Authenticator::new(Policy { keys: Some(keys), ..Policy::default() });
    assert!(check(&authenticator, &bearer("pl_laptop_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")).is_ok());
}

#[test]
fn an_entry_does_not_hold_the_key() {
    let key = key("laptop");
    assert!(key.entry().starts_with("[keys.laptop]\nsha256 = \""), "{}", key.entry());
    assert!(!key.entry().contains(key.expose().strip_prefix("pl_laptop_").unwrap()));
}

#[test]
fn ids_that_could_not_be_told_from_the_rest_are_refused() {
    for id in ["", "a_b", "A", "a b", "é", "a\"", &"a".repeat(33)] {
        let error = ApiKey::generate(id).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
        assert!(error.to_string().starts_with("id: "), "{error}");
    }
    assert!(ApiKey::generate(&"a".repeat(32)).is_ok());
}

#[test]
fn without_a_credential_one_is_asked_for() {
    let authenticator = guard_of(&key("a"), "");
    for headers in [headers([]), headers([("authorization", "Basic QWRhOng=")])] {
        let rejection = check(&authenticator, &headers).unwrap_err();
        assert_eq!(rejection, Rejection::Missing);
        assert_eq!(rejection.status(), 401);
        let (name, value) = rejection.header();
        assert_eq!((name.as_str(), value), ("www-authenticate", challenge("")));
    }
}

#[test]
fn two_credentials_are_not_chosen_from() {
    let (one, other) = (key("a"), key("a"));
    let authenticator = guard_of(&one, "");
    let authorization = format!("Bearer {}", one.expose());
    let mut twice = bearer(one.expose());
    twice.append("authorization", HeaderValue::from_static("Basic QWRhOng="));
    let mut keys = headers([("x-api-key", one.expose())]);
    keys.append("x-api-key", HeaderValue::from_str(one.expose()).unwrap());
    let differ = headers([("authorization", &authorization), ("x-api-key", other.expose())]);
    let cut = headers([("authorization", &authorization), ("x-api-key", "")]);
    for headers in [twice, keys, differ, cut] {
        let rejection = check(&authenticator, &headers).unwrap_err();
        assert_eq!(rejection, Rejection::Ambiguous);
        assert_eq!(rejection.status(), 400);
        assert_eq!(rejection.header().1, challenge(r#", error="invalid_request""#));
    }
}

fn challenge(more: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Bearer realm=\"pilotlight\"{more}")).unwrap()
}

#[test]
fn another_key_is_refused_and_only_the_log_is_told_why() {
    let authenticator = guard_of(&key("laptop"), "");
    let right = Reason::KeyWrong("laptop".into());
    let reasons = [
        (key("laptop").expose().to_owned(), right),
        (key("phone").expose().to_owned(), Reason::KeyUnknown),
        ("pl_laptop_short".to_owned(), Reason::KeyMalformed),
        ("pl_laptop".to_owned(), Reason::KeyMalformed),
        ("pl_".to_owned(), Reason::KeyMalformed),
        ("hunter2".to_owned(), Reason::NoTokens),
        (String::new(), Reason::NoTokens),
    ];
    let mut seen = Vec::new();
    for (sent, reason) in reasons {
        assert_eq!(refused(&authenticator, &bearer(&sent)), reason);
        let rejection = check(&authenticator, &bearer(&sent)).unwrap_err();
        assert_eq!(rejection.reason(), reason.to_string());
        seen.push((
            rejection.status(),
            rejection.header(),
            rejection.message(),
            rejection.to_string(),
        ));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].1.1, challenge(r#", error="invalid_token""#));
}

#[test]
fn a_changed_character_anywhere_in_a_key_is_noticed() {
    let key = key("laptop");
    let authenticator = guard_of(&key, "");
    for place in 0..key.expose().len() {
        let mut sent = key.expose().to_owned().into_bytes();
        sent[place] = if sent[place] == b'x' { b'y' } else { b'x' };
        refused(&authenticator, &headers([("x-api-key", str::from_utf8(&sent).unwrap())]));
    }
}

#[test]
fn a_key_expires_to_the_second() {
    let key = key("a");
    let authenticator = guard_of(&key, "expires = 2027-01-15T09:00:10+01:00");
    let at = |seconds| {
        authenticator.check(&bearer(key.expose()), None, timestamp(Duration::from_secs(seconds)))
    };
    assert!(at(9).is_ok());
    assert_eq!(at(10), Err(Rejection::Invalid(Reason::KeyExpired("a".into()))));
    assert!(at(1 << 30).is_err());
}

#[test]
fn a_file_without_keys_lets_nobody_in() {
    for text in ["", "# none yet", "[keys]"] {
        let keys = Some(ApiKeys::parse(text).unwrap());
        let authenticator = Authenticator::new(Policy { keys, ..Policy::default() });
        assert_eq!(check(&authenticator, &headers([])), Err(Rejection::Missing));
        assert_eq!(refused(&authenticator, &bearer(key("a").expose())), Reason::KeyUnknown);
    }
}

#[test]
fn errors_name_the_entry() {
    const DIGEST: &str = "7eda13c83dcafb5844d3425fa0c86bd8459128566e952856bb43f505a0203a44";
    let entry = |more: &str| format!("[keys.a]\nsha256 = \"{DIGEST}\"\n{more}");
    assert!(ApiKeys::parse(&entry("")).is_ok());
    for (text, place, message) in [
        ("[keys.a]".to_owned(), "keys.a", "`sha256` is missing"),
        (entry("rat = 5"), "keys.a.rat", "unknown"),
        (entry("rate = 0"), "keys.a.rate", "0.001 to 1000000"),
        (entry("rate = -1.5"), "keys.a.rate", "0.001 to 1000000"),
        (entry("rate = nan"), "keys.a.rate", "0.001 to 1000000"),
        (entry("rate = inf"), "keys.a.rate", "0.001 to 1000000"),
        (entry("rate = \"5\""), "keys.a.rate", "must be a number"),
        (entry("burst = 5"), "keys.a.burst", "without `rate`"),
        (entry("rate = 5\nburst = 0"), "keys.a.burst", "1 to 1000000"),
        (entry("rate = 5\nburst = -1"), "keys.a.burst", "must be a number"),
        (entry("rate = 5\nburst = 1.5"), "keys.a.burst", "must be a number"),
        (entry("name = 5"), "keys.a.name", "must be a string"),
        (entry("expires = 2027-01-15"), "keys.a.expires", "offset"),
        (entry("expires = 2027-01-15T00:00:00"), "keys.a.expires", "offset"),
        (entry("expires = \"2027-01-15T00:00:00Z\""), "keys.a.expires", "offset"),
        ("[keys.a]\nsha256 = \"ab\"".to_owned(), "keys.a.sha256", "64 hexadecimal digits"),
        ("[keys.a]\nsha256 = 5".to_owned(), "keys.a.sha256", "64 hexadecimal digits"),
        ("[keys.a_b]".to_owned(), "keys.a_b", "not an identifier"),
        ("keys.a = 5".to_owned(), "keys.a", "must be a table"),
        ("keys = 5".to_owned(), "keys", "must be a table"),
        ("[[keys]]".to_owned(), "keys", "must be a table"),
        ("[key.a]".to_owned(), "key", "must be a table with one table"),
        (entry("[keys.a]"), "line 3", "duplicate"),
        ("\n[keys.a".to_owned(), "line 2", "table"),
    ] {
        let invalid = ApiKeys::parse(&text).unwrap_err();
        assert_eq!(invalid.key, place, "{invalid}");
        assert!(invalid.message.contains(message), "{invalid}");
    }
}

#[test]
fn a_key_that_went_astray_is_not_repeated() {
    let key = key("laptop");
    let secret = key.expose();
    for text in [
        format!("[keys.laptop]\nkey = \"{secret}\""),
        format!("[keys.laptop]\nsha256 = \"{secret}\""),
        format!("[keys.laptop]\nexpires = \"{secret}\""),
        format!("[keys.laptop]\n{secret} = true"),
        format!("[keys.{secret}]"),
        format!("{secret} = 1"),
        format!("[keys.laptop]\nsha256 = {secret}"),
        secret.to_owned(),
        format!("[keys.laptop]\nname = \"{secret}"),
        format!("keys.laptop = \"{secret}\""),
        format!("keys = [\"{secret}\"]"),
    ] {
        let invalid = ApiKeys::parse(&text).unwrap_err();
        let shown = format!("{invalid} {invalid:?}");
        assert!(!shown.contains(&secret[10..]), "{text}: {shown}");
    }
}

#[test]
fn neither_keys_nor_their_digests_show_themselves() {
    let key = key("laptop");
    let digest = key.entry().split('"').nth(1).unwrap().to_owned();
    let authenticator = guard_of(&key, "");
    let rejection = check(&authenticator, &bearer(&key.expose().replace("pl_laptop", "pl_phone")));
    let shown = format!(
        "{key:?} {key:#?} {authenticator:?} {rejection:?} {}",
        rejection.clone().unwrap_err().reason()
    );
    assert!(shown.contains("laptop"));
    assert!(!shown.contains(&key.expose()[10..]) && !shown.contains(&digest), "{shown}");
}
