use std::sync::LazyLock;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use pilotlight_auth::{ApiKey, ApiKeys, Authenticator, Policy, Tokens};
use proptest::collection::vec;
use proptest::prelude::*;

use super::check;
use super::signer::{Signer, encode};

static GUARD: LazyLock<Authenticator> = LazyLock::new(|| {
    let keys = Some(ApiKeys::parse(&ApiKey::generate("a").unwrap().entry()).unwrap());
    let tokens = Some(Tokens::parse(&Signer::ed25519(1).jwks(), "i", "a").unwrap());
    Authenticator::new(Policy { keys, tokens, rate: None })
});

/// What comes close to a credential, and what does not.
fn credential() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        any::<Vec<u8>>().prop_map(|bytes| encode(&bytes)),
        r#"\{("(alg|kid|typ|crit|exp|aud)":("a"|EdDSA|1e9|\[\]|null),?){0,4}\}"#
            .prop_map(|json| encode(json.as_bytes())),
        "[a-zA-Z0-9_=-]{0,9}",
    ];
    prop_oneof![
        any::<Vec<u8>>(),
        "(Bearer |bearer|Basic )?pl_[a-z_]{0,5}_[a-z2-7]{30,34}".prop_map(String::into_bytes),
        vec(part, 0..5).prop_map(|parts| format!("Bearer {}", parts.join(".")).into_bytes()),
    ]
}

/// Lines of a file of keys, right and wrong.
fn keys() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\[keys(\\.[a-z_\"é]{0,3}){0,2}\\]",
        "(sha256|name|expires|rate|burst|x) = (\"[0-9a-f]{0,64}\"|-?[0-9]{1,20}|nan|-inf|true|\
            [0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00(Z|[+-]2[0-9]:00)|\\{|\\[)",
        ".{0,20}",
    ];
    vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_header_lets_in_who_has_no_credential(
        authorization in vec(credential(), 0..3),
        key in vec(credential(), 0..2),
    ) {
        let mut headers = HeaderMap::new();
        let x_api_key = HeaderName::from_static("x-api-key");
        let all = authorization.into_iter().map(|value| (AUTHORIZATION, value));
        for (name, value) in all.chain(key.into_iter().map(|value| (x_api_key.clone(), value))) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(name, value);
            }
        }
        let rejection = check(&GUARD, &headers).unwrap_err();
        prop_assert!(matches!(rejection.status().as_u16(), 400 | 401));
        prop_assert!(rejection.header().1.to_str().unwrap().starts_with("Bearer realm="));
    }

    #[test]
    fn any_text_is_a_file_of_keys_or_an_error(text in prop_oneof![keys(), any::<String>()]) {
        if let Err(invalid) = ApiKeys::parse(&text) {
            prop_assert!(!invalid.key.is_empty() && !invalid.message.is_empty());
        }
    }

    #[test]
    fn any_text_is_a_key_set_or_an_error(
        text in prop_oneof![
            r#"\{"keys":\[(\{("(kty|kid|crv|x|y|n|e|use|d)":("(OKP|EC|RSA|Ed25519|P-256|AQAB|sig)"|1|null|\{\}),?){0,6}\},?){0,3}\]\}"#,
            any::<String>(),
        ],
    ) {
        if let Err(invalid) = Tokens::parse(&text, "i", "a") {
            prop_assert!(!invalid.key.is_empty() && !invalid.message.is_empty());
        }
    }
}
