//! Every error is reported at once, with its location.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_config::{Config, Location, RouteDiagnostic, Sources, parse};

fn sources() -> Sources {
    Sources { name: "p.toml".to_owned(), ..Sources::default() }
}

/// The errors of a text, as they are told.
fn told(text: &str) -> Vec<String> {
    match Config::parse(text, &sources()) {
        Ok(config) => panic!("{config:?}"),
        Err(diagnostics) => {
            diagnostics.into_iter().map(|diagnostic| diagnostic.to_string()).collect()
        }
    }
}

#[track_caller]
fn only(text: &str, diagnostic: &str) {
    assert_eq!(told(text), [diagnostic]);
}

#[test]
fn an_empty_text_says_what_the_flags_say_by_themselves() {
    let config = Config::parse("", &sources()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.admin.address().unwrap().to_string(), "127.0.0.1:3001");
    assert!(config.watch && !config.override_header && !config.verify);
    let text = "[functions.ner]\nsource = 'ner'";
    let function = &Config::parse(text, &sources()).unwrap().functions["ner"];
    assert_eq!((function.pool.min_ready, function.pool.max_instances), (4, 128));
    assert_eq!(function.limits.memory, 1 << 30);
    assert_eq!(function.limits.request_timeout.as_secs(), 120);
    assert_eq!(function.host.graph_queue, 512);
}

#[test]
fn every_error_is_reported_at_once_with_line_and_column() {
    let text = "\
listen = \"localhost\"
verify = 1
colour = \"red\"

[functions.ner]
sorce = \"ner\"
[functions.ner.pool]
max-instances = 5000
  min_ready = 4
idle-shrink = \"25h\"

[functions.ner.limits]
memory = \"8GiB\"

[[routes]]
to = [{ target = \"other\" }, { target = \"ner\", wieght = 1 }]
";
    let expected = [
        "p.toml:1:10: listen: \"localhost\" is no address: write IP:PORT, such as \"127.0.0.1:3000\"",
        "p.toml:2:10: verify: must be true or false, not an integer",
        "p.toml:3:1: colour: unknown key",
        "p.toml:5:1: functions.ner.source: is missing",
        "p.toml:6:1: functions.ner.sorce: unknown key; did you mean `source`?",
        "p.toml:8:17: functions.ner.pool.max-instances: must be 1 to 4096",
        "p.toml:9:3: functions.ner.pool.min_ready: unknown key; did you mean `min-ready`?",
        "p.toml:10:15: functions.ner.pool.idle-shrink: \"25h\": must be 1ms to 24h",
        "p.toml:13:10: functions.ner.limits.memory: \"8GiB\": must be \"64KiB\" to \"4GiB\"",
        "p.toml:16:18: routes[0].to[0].target: there is no function `other`",
        "p.toml:16:47: routes[0].to[1].wieght: unknown key; did you mean `weight`?",
    ];
    assert_eq!(told(text), expected);
}

#[test]
fn what_clients_may_take_has_a_range() {
    let text = "\
http.header-timeout = \"9h\"
http.max-header-bytes = \"2MiB\"
http.max-body-bytes = 512
http.idle-timeout = \"0ms\"
http.max-connections = 0
http.max-headers = 10000
http.body-deadline = \"9h\"
http.body-memory-per-address = 512
http.max-connections-per-address = 0
http.trusted-proxies = [\"10.0.0.0/8\", \"10.0.0.1/8\", \"ingress\"]
http.forwarded-header = \"x-real-ip\"
admin.max-upload-bytes = 1
admin.upload-timeout = \"500ms\"
tls.key = \"key.pem\"
";
    let expected = [
        "p.toml:1:23: http.header-timeout: \"9h\": must be 1ms to 8h",
        "p.toml:2:25: http.max-header-bytes: must be 1KiB to 1MiB",
        "p.toml:3:23: http.max-body-bytes: must be 1KiB to 4GiB",
        "p.toml:4:21: http.idle-timeout: \"0ms\": must be 1ms to 8h",
        "p.toml:5:24: http.max-connections: must be 1 to 4294967295",
        "p.toml:6:20: http.max-headers: must be 1 to 4096",
        "p.toml:7:22: http.body-deadline: \"9h\": must be 1ms to 8h",
        "p.toml:8:32: http.body-memory-per-address: must be 1KiB to 1024GiB",
        "p.toml:9:36: http.max-connections-per-address: must be 1 to 4294967295",
        "p.toml:10:39: http.trusted-proxies[1]: \"10.0.0.1/8\" has bits beyond the first 8; they must be 0",
        "p.toml:10:53: http.trusted-proxies[2]: \"ingress\" is no address or network, such as 192.0.2.7, 10.0.0.0/8 or fd00::/8",
        "p.toml:11:25: http.forwarded-header: \"x-real-ip\" is none of `any`, `x-forwarded-for`, `forwarded`",
        "p.toml:12:26: admin.max-upload-bytes: must be 1KiB to 1024GiB",
        "p.toml:13:24: admin.upload-timeout: \"500ms\": must be 1s to 24h",
        "p.toml:14:1: tls.certificate: is missing",
    ];
    assert_eq!(told(text), expected);
    only(
        "http.max-header-bytes = \"much\"",
        "p.toml:1:25: http.max-header-bytes: \"much\" is no size: write a number of bytes, or one \
         and KiB, MiB or GiB in quotes, such as \"512MiB\"",
    );
}

#[test]
fn text_that_is_no_toml_is_told_with_the_errors_of_other_lines() {
    let told = told("listen = \nverify = 1\nwatch = true\nwatch = false\n");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("p.toml:1:"), "{told:?}");
    assert_eq!(told[1], "p.toml:2:10: verify: must be true or false, not an integer");
    assert!(told[2].starts_with("p.toml:4:1: ") && told[2].contains("duplicate key"), "{told:?}");
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    only(
        "[functions.ner]\nsource = 'ner'\nmin-ready = 3",
        "p.toml:3:1: functions.ner.min-ready: unknown key; did you mean `pool.min-ready`?",
    );
}

#[test]
fn columns_are_characters() {
    only(
        "[functions]\n'é' = { source = 'é', x = 1 }",
        "p.toml:2:1: functions.\"é\": \"é\": names are letters, digits, `-`, `_` and `.`",
    );
    only("keys = ['ü', 1]", "p.toml:1:14: keys[1]: must be a string, not an integer");
}

#[test]
fn words_have_to_be_known_ones() {
    only(
        "require = 'signatur'",
        "p.toml:1:11: require: \"signatur\" is none of `none`, `digest`, `signature`; did you mean `signature`?",
    );
    only("telemetry.log = 3", "p.toml:1:17: telemetry.log: must be a string, not an integer");
    only("telemetry = 'info'", "p.toml:1:13: telemetry: must be a table, not a string");
}

#[test]
fn values_that_exclude_each_other_are_errors() {
    let ner = "[functions.ner]\nsource = 'ner'\n";
    only(
        "require = 'signature'",
        "p.toml:1:11: require: signatures cannot be checked without `keys`; list files with public keys",
    );
    only(
        "admin.listen = '127.0.0.1:3000'",
        "p.toml:1:16: admin.listen: overlaps 127.0.0.1:3000, where the functions are served; name another",
    );
    only(
        &format!("{ner}pool.concurrent-requests-per-instance = 2"),
        "p.toml:3:41: functions.ner.pool.concurrent-requests-per-instance: must be at most `requests-per-instance`, 1",
    );
    only(
        &format!("{ner}pool.max-instances = 2\nlimits.concurrent-requests = 3"),
        "p.toml:4:30: functions.ner.limits.concurrent-requests: must be at most what the instances of its pool can take, 2",
    );
    only(
        &format!("{ner}precision = 'int4'"),
        "p.toml:3:13: functions.ner.precision: is for the sandbox; on the host there are unchanged, f32 and int8",
    );
    only(
        &format!("{ner}host = {{ backend = 'tract', device = 'gpu' }}"),
        "p.toml:3:38: functions.ner.host.device: tract computes on the cpu only",
    );
    only(
        "http.proxy-protocol = true",
        "p.toml:1:23: http.proxy-protocol: nobody's header is believed without `trusted-proxies`; \
         list the proxies' addresses or networks",
    );
    Config::parse("listen = '0.0.0.0:0'\nadmin.listen = '0.0.0.0:0'", &sources()).unwrap();
}

#[test]
fn what_follows_from_another_error_is_not_told() {
    let text = "[functions.ner]\nsource = 'ner'\npool.requests-per-instance = '4'\npool.concurrent-requests-per-instance = 4";
    only(
        text,
        "p.toml:3:30: functions.ner.pool.requests-per-instance: must be an integer, not a string",
    );
    only(
        "[functions]\nner = 3\n[[routes]]\nto = 'ner'",
        "p.toml:2:7: functions.ner: must be a table, not an integer",
    );
    only(
        "[functions]\na.source = 'a'\nb.source = 'b'\n[[routes]]\nto = 3",
        "p.toml:5:6: routes[0].to: must be a string or a table or an array, not an integer"
            .replace("a string or a table or an array", "an array or a table or a string")
            .as_str(),
    );
}

#[test]
fn routes_are_checked_to_the_last_key() {
    let ner = "[functions.ner]\nsource = 'ner'\n[[routes]]\n";
    only(
        &format!("{ner}to = 'nerr'"),
        "p.toml:4:6: routes[0].to[0].target: there is no function `nerr`; did you mean `ner`?",
    );
    only(
        &format!("{ner}to = 'ner@12'"),
        "p.toml:4:6: routes[0].to: \"ner@12\": a version is `previous` or 8 to 64 hexadecimal digits of its SHA-256",
    );
    only(
        &format!("{ner}to = 'ner'\nsticky.headr = 'x'"),
        "p.toml:5:8: routes[0].sticky.headr: unknown key; did you mean `header`?",
    );
    only(
        &format!("{ner}to = 'ner'\nsticky = {{ header = 'x', query = 'y' }}"),
        "p.toml:5:10: routes[0].sticky: only one of `header`, `cookie`, `query`, `json` can be given",
    );
    only(
        &format!("{ner}to = 'ner'\nshadow.target = 'ner'"),
        "p.toml:5:1: routes[0].shadow.share: is missing",
    );
    only(
        &format!("{ner}to = {{ target = 'ner', weight = nan }}"),
        "p.toml:4:33: routes[0].to.weight: must be a finite number",
    );
    only(
        &format!(
            "{ner}to = 'ner'\ncanary = {{ target = 'ner', steps = [{{ share = 1, for = '1d' }}] }}"
        ),
        "p.toml:5:56: routes[0].canary.steps[0].for: \"1d\" is no time: write a number and ms, s, m or h, such as \"10s\"",
    );
    only(
        &format!("{ner}name = 'a'\nto = 'ner'\n[[routes]]\nname = 'a'\nto = 'ner'"),
        "p.toml:7:8: routes[1].name: route 0, counted from 0, has this name, too",
    );
}

#[test]
fn without_routes_one_function_is_told_apart_by_being_the_only_or_the_default() {
    let target = |text: &str| {
        let config = Config::parse(text, &sources()).unwrap();
        assert_eq!(config.routes.len(), 1);
        config.routes[0].to[0].target.to_string()
    };
    assert_eq!(target("[functions]\nner.source = 'a'"), "ner");
    assert_eq!(target("[functions]\nner.source = 'a'\ndefault.source = 'b'"), "default");
    only(
        "[functions]\na.source = 'a'\nb.source = 'b'",
        "p.toml:1:1: functions: there are several, but no `routes` to say which requests are \
         whose; add [[routes]], or call one of them `default`",
    );
}

#[test]
fn what_the_router_finds_has_its_line() {
    let mut sources = sources();
    sources.routes = Some(|routes| {
        assert_eq!(routes.len(), 2);
        let key = "to[1].weight".to_owned();
        vec![RouteDiagnostic { route: 1, key, message: "must be above 0".to_owned() }]
    });
    let text = "\
verify = 1
[functions.ner]
source = 'ner'
[[routes]]
to = 3
[[routes]]
to = [{ target = 'ner' }, { target = 'ner', weight = -1 }]
";
    let diagnostics = parse(text, &sources).unwrap_err();
    let told: Vec<_> = diagnostics.all().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[2], "p.toml:7:54: routes[1].to[1].weight: must be above 0");
}

#[test]
fn what_the_router_finds_has_its_place_whatever_its_name() {
    let mut sources = sources();
    sources.routes = Some(|_| {
        let key = format!("match.json.{:?}", "/a\"\\b");
        vec![RouteDiagnostic { route: 0, key, message: "must be another".to_owned() }]
    });
    let text =
        "functions.ner.source = 'ner'\n[[routes]]\nmatch.json = { '/a\"\\b' = 1 }\nto = 'ner'";
    let diagnostics = parse(text, &sources).unwrap_err();
    assert_eq!(diagnostics.all()[0].location, Location::Line { line: 3, column: 26 });
}

#[test]
fn a_file_that_is_something_else_has_an_error_in_every_line() {
    let told = parse(&"{\n".repeat(10_000), &sources()).unwrap_err();
    let lines = told.all().iter().filter_map(|diagnostic| match diagnostic.location {
        Location::Line { line, .. } => Some(line),
        Location::Override(_) => None,
    });
    assert!(lines.eq(1..=told.all().len()), "{told}");
    assert!(told.all().len() >= 10_000);
}

#[test]
fn what_is_told_already_the_router_does_not_tell_again() {
    let mut sources = sources();
    sources.routes = Some(|_| {
        let diagnostic =
            |key: &str| RouteDiagnostic { route: 1, key: key.to_owned(), message: key.into() };
        vec![diagnostic("name"), diagnostic("match")]
    });
    let route = "[[routes]]\nname = 'a'\nto = 'ner'\n";
    let text = format!("[functions.ner]\nsource = 'ner'\n{route}{route}");
    let diagnostics = parse(&text, &sources).unwrap_err();
    let told: Vec<_> = diagnostics.all().iter().map(ToString::to_string).collect();
    let expected = [
        "p.toml:6:1: routes[1].match: match",
        "p.toml:7:8: routes[1].name: route 0, counted from 0, has this name, too",
    ];
    assert_eq!(told, expected);
}

#[test]
fn errors_that_are_found_later_have_their_lines_too() {
    let text = "[functions.ner]\nsource = 'ner'\n[[routes]]\nto = 'ner'";
    let source_map = parse(text, &sources()).unwrap().source_map;
    let diagnostic = source_map.diagnostic("functions.ner.source", "is not there");
    assert_eq!(diagnostic.to_string(), "p.toml:2:10: functions.ner.source: is not there");
    let location = |key: &str| source_map.diagnostic(key, "").location;
    assert_eq!(location("routes[0].to[0].weight"), Location::Line { line: 4, column: 6 });
    assert_eq!(location("functions.ner.pool.min-ready"), Location::Line { line: 1, column: 1 });
    assert_eq!(location("no key ]"), Location::Line { line: 1, column: 1 });
}

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
        "p.toml:1:16: default-auth: there is no `[auth]` section `key`; did you mean `keys`?",
        "p.toml:7:8: routes[0].auth: there is no `[auth]` section `nobody`",
        "p.toml:8:14: routes[0].deidentify: there is no `[deidentify]` section `name`; did you mean `names`?",
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
        "p.toml:1:1: auth.a.audience: needed with `jwks`; write the `aud` that tokens have",
        "p.toml:5:9: auth.b.burst: means nothing without `rate`; write both or none",
        "p.toml:7:8: auth.c.rate: 0 requests per second; write 0.001 to 1000000",
        "p.toml:10:8: deidentify.p.keys: `keys` is of no effect in mode `redact`; leave it out",
        "p.toml:12:8: deidentify.q.mode: mode `encrypt` needs `keys`: the file with the keys",
        "p.toml:15:10: deidentify.r.labels: `labels` is empty: nothing would be de-identified; leave it out to protect everything",
    ];
    assert_eq!(told(text), expected);
    only("auth.a.api-keys = ''", "p.toml:1:19: auth.a.api-keys: \"\" is no path");
}

#[test]
fn encrypted_values_are_not_reidentified_without_authentication() {
    let with = |auth: &str, route: &str| {
        format!(
            "functions.a.source = 'a'\ndeidentify.p = {{ mode = 'encrypt', keys = 'k' }}\n{auth}\n\
             [[routes]]\nto = 'a'\ndeidentify = 'p'\n{route}"
        )
    };
    let diagnostic = "p.toml:6:14: routes[0].deidentify: encrypts, and anybody could have everything \
                   decrypted; give the route an `auth` with `api-keys` or `jwks`";
    let keys = "auth.keys.api-keys = 'k'";
    only(&with("", ""), diagnostic);
    only(&with(keys, ""), diagnostic);
    only(&with("auth.all.rate = 1", "auth = 'all'"), diagnostic);
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
        "p.toml:1:19: override-header: needs `default-auth`, as routes name an `auth`: requests \
         that no route is for reach what testers name, whoever they are",
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
            "p.toml:2:12: telemetry.otlp.endpoint: \"collector:4318\" is no address: write \
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
