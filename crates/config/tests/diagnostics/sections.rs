//! Sections that depend on each other.

use pilotlight_config::Config;

use crate::{only, sources, told};

#[test]
fn names_of_auth_and_deidentify_sections_have_to_be_there() {
    let text = "\
default-auth = 'key'
functions.ner.source = 'ner'
auth.keys.api-keys = 'keys.toml'
deidentify.names.mode = 'redact'
[[routes]]
to = 'ner'
auth = 'nobody'
deidentify = 'name'
";
    let expected = [
        "p.toml:1:16: default-auth: `[auth]` section `key` does not exist; did you mean `keys`?",
        "p.toml:7:8: routes[0].auth: `[auth]` section `nobody` does not exist",
        "p.toml:8:14: routes[0].deidentify: `[deidentify]` section `name` does not exist; did you \
         mean `names`?",
    ];
    assert_eq!(told(text), expected);
    // One that has errors is there all the same.
    only(
        "functions.a.source = 'a'\nauth.keys = 5\nroutes = [{ to = 'a', auth = 'keys' }]",
        "p.toml:2:13: auth.keys: must be a table, not an integer",
    );
    only(
        "functions.a.source = 'a'\n[deidentify.p]\nlabels = ['A']\n[[routes]]\nto = 'a'\ndeidentify = 'p'",
        "p.toml:2:1: deidentify.p.mode: is missing",
    );
}

#[test]
fn options_of_auth_and_deidentify_sections_have_to_go_together() {
    let text = "\
[auth.a]
jwks = 'jwks.json'
issuer = 'i'
[auth.b]
burst = 5
[auth.c]
rate = 0
[deidentify.p]
mode = 'redact'
keys = 'keys.toml'
[deidentify.q]
mode = 'encrypt'
[deidentify.r]
mode = 'redact'
labels = []
";
    let expected = [
        "p.toml:1:1: auth.a.audience: required with `jwks`; set it to the `aud` claim of the tokens",
        "p.toml:5:9: auth.b.burst: has no effect without `rate`; set both or none",
        "p.toml:7:8: auth.c.rate: 0 requests per second; must be 0.001 to 1000000",
        "p.toml:10:8: deidentify.p.keys: `keys` has no effect in mode `redact`; remove it",
        "p.toml:12:8: deidentify.q.mode: mode `encrypt` needs `keys`: the file with the keyring",
        "p.toml:15:10: deidentify.r.labels: `labels` is empty: no entity would be replaced; remove \
         it to replace all entities",
    ];
    assert_eq!(told(text), expected);
    only("auth.a.api-keys = ''", "p.toml:1:19: auth.a.api-keys: \"\" is not a path");
}

#[test]
fn encrypted_values_are_not_reidentified_without_authentication() {
    let with = |auth: &str, route: &str| {
        format!(
            "functions.a.source = 'a'\ndeidentify.p = {{ mode = 'encrypt', keys = 'k' }}\n{auth}\n\
             [[routes]]\nto = 'a'\ndeidentify = 'p'\n{route}"
        )
    };
    let diagnostic = "p.toml:6:14: routes[0].deidentify: anyone could decrypt the encrypted \
        values, because the route needs no credentials; add an `auth` with `api-keys` or `jwks`";
    let keys = "auth.keys.api-keys = 'k'";
    only(&with("", ""), diagnostic);
    only(&with(keys, ""), diagnostic);
    only(&with("auth.all.rate = 1", "auth = 'all'"), diagnostic);
    // Of a single label, too.
    let single =
        with("", "").replace("mode = 'encrypt'", "mode = 'redact', actions = { A = 'encrypt' }");
    only(&single, diagnostic);
    Config::parse(&with(keys, "auth = 'keys'"), &sources()).unwrap();
    let default = "auth.keys = { api-keys = 'k' }\ndefault-auth = 'keys'";
    Config::parse(&with(default, ""), &sources()).unwrap();
}

#[test]
fn testers_do_not_get_past_the_access_of_routes() {
    let with = |more: &str| {
        format!(
            "override-header = true\n{more}\nfunctions.a.source = 'a'\nauth.keys.api-keys = 'k'\n\
             routes = [{{ to = 'a', auth = 'keys' }}]"
        )
    };
    only(
        &with(""),
        "p.toml:1:19: override-header: needs `default-auth`, because routes have an `auth`: \
         requests that match no route could reach every function without credentials",
    );
    Config::parse(&with("default-auth = 'keys'"), &sources()).unwrap();
}

#[test]
fn limits_are_those_of_a_host() {
    let text = "[functions.a]\nsource = 'a'\n[functions.a.limits]\n";
    let limits = |more: &str| {
        Config::parse(&format!("{text}{more}"), &sources()).unwrap().functions["a"].limits.clone()
    };
    let default = limits("");
    assert_eq!((default.cpu_time, default.body), (None, 8 << 20));
    assert_eq!((default.concurrent_requests, default.queue), (None, 256));
    let said = limits("cpu-time = '2s'\nbody = '1MiB'\nconcurrent-requests = 3\nqueue = 0");
    assert_eq!(said.cpu_time.map(|time| time.as_secs()), Some(2));
    assert_eq!((said.body, said.concurrent_requests, said.queue), (1 << 20, Some(3), 0));
    only(
        &format!("{text}cpu-time = '0ms'\n"),
        "p.toml:4:12: functions.a.limits.cpu-time: \"0ms\": must be 1ms to 24h",
    );
    only(
        &format!("{text}concurrent-requests = 0\n"),
        "p.toml:4:23: functions.a.limits.concurrent-requests: must be 1 to 1048576",
    );
}

#[test]
fn a_collector_has_an_address_and_keeps_its_secrets() {
    let otlp = |rest: &str| told(&format!("[telemetry.otlp]\n{rest}"));
    assert_eq!(otlp("sample = 1"), ["p.toml:1:1: telemetry.otlp.endpoint: is missing"]);
    let diagnostics = otlp("endpoint = 'collector:4318'\nsample = 1.5");
    assert_eq!(
        diagnostics,
        [
            "p.toml:2:12: telemetry.otlp.endpoint: \"collector:4318\" is not a URL; write \
             http://HOST:PORT or https://HOST:PORT",
            "p.toml:3:10: telemetry.otlp.sample: must be 0.0 to 1.0",
        ]
    );
    let diagnostics = otlp("endpoint = 'http://me:hidden@collector'").concat();
    assert!(
        diagnostics.contains("in a header") && !diagnostics.contains("hidden"),
        "{diagnostics}"
    );
    let text =
        "telemetry.otlp = { endpoint = 'https://c/v', headers = { authorization = 'hidden' } }";
    let config = Config::parse(text, &sources()).unwrap();
    let otlp = config.telemetry.otlp.as_ref().unwrap();
    assert_eq!(otlp.headers["authorization"].text(), "hidden");
    assert_eq!((otlp.sample, &otlp.service), (0.1, &None));
    let written = serde_json::to_string(&config).unwrap();
    assert!(!format!("{config:?}{written}").contains("hidden"));
}

#[test]
fn only_a_tag_in_a_registry_can_be_followed() {
    for source in ["models/ner", "oci://a.example/b@sha256:00", "hf:org/name"] {
        only(
            &format!("[functions.a]\nsource = '{source}'\npoll-interval = '10s'"),
            "p.toml:3:17: functions.a.poll-interval: needs a `source` with a tag and without a \
             digest, oci://HOST[:PORT]/REPOSITORY:TAG",
        );
    }
    let text = "[functions.a]\nsource = 'oci://a.example/b:1'\npoll-interval = '100ms'";
    assert!(told(text)[0].starts_with("p.toml:3:17: functions.a.poll-interval: "));
}
