//! Keys, their types, ranges and places.

use pilotlight_config::Config;

use crate::{only, sources, told};

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
        "p.toml:1:10: listen: \"localhost\" is not an address; write IP:PORT, such as \
         \"127.0.0.1:3000\"",
        "p.toml:2:10: verify: must be true or false, not an integer",
        "p.toml:3:1: colour: unknown key",
        "p.toml:5:1: functions.ner.source: is missing",
        "p.toml:6:1: functions.ner.sorce: unknown key; did you mean `source`?",
        "p.toml:8:17: functions.ner.pool.max-instances: must be 1 to 4096",
        "p.toml:9:3: functions.ner.pool.min_ready: unknown key; did you mean `min-ready`?",
        "p.toml:10:15: functions.ner.pool.idle-shrink: \"25h\": must be 1ms to 24h",
        "p.toml:13:10: functions.ner.limits.memory: \"8GiB\": must be \"64KiB\" to \"4GiB\"",
        "p.toml:16:18: routes[0].to[0].target: function `other` does not exist",
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
        "p.toml:10:39: http.trusted-proxies[1]: \"10.0.0.1/8\": the bits after the first 8 must be \
         0",
        "p.toml:10:53: http.trusted-proxies[2]: \"ingress\" is not an address or a network such as \
         192.0.2.7, 10.0.0.0/8 or fd00::/8",
        "p.toml:11:25: http.forwarded-header: \"x-real-ip\" is not one of `any`, \
         `x-forwarded-for`, `forwarded`",
        "p.toml:12:26: admin.max-upload-bytes: must be 1KiB to 1024GiB",
        "p.toml:13:24: admin.upload-timeout: \"500ms\": must be 1s to 24h",
        "p.toml:14:1: tls.certificate: is missing",
    ];
    assert_eq!(told(text), expected);
    only(
        "http.max-header-bytes = \"much\"",
        "p.toml:1:25: http.max-header-bytes: \"much\" is not a size; write a number of bytes, or a \
         number and KiB, MiB or GiB in quotes, such as \"512MiB\"",
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
        "p.toml:2:1: functions.\"é\": \"é\": the name of a function consists of letters, digits, \
         `-`, `_` and `.`",
    );
    only("keys = ['ü', 1]", "p.toml:1:14: keys[1]: must be a string, not an integer");
}

#[test]
fn words_have_to_be_known_ones() {
    only(
        "require = 'signatur'",
        "p.toml:1:11: require: \"signatur\" is not one of `none`, `digest`, `signature`; did you \
         mean `signature`?",
    );
    only("telemetry.log = 3", "p.toml:1:17: telemetry.log: must be a string, not an integer");
    only("telemetry = 'info'", "p.toml:1:13: telemetry: must be a table, not a string");
}

#[test]
fn values_that_exclude_each_other_are_errors() {
    let ner = "[functions.ner]\nsource = 'ner'\n";
    only(
        "require = 'signature'",
        "p.toml:1:11: require: `require = \"signature\"` needs `keys`; list files with public keys",
    );
    only(
        "admin.listen = '127.0.0.1:3000'",
        "p.toml:1:16: admin.listen: overlaps `listen`, 127.0.0.1:3000; choose another port",
    );
    only(
        &format!("{ner}pool.concurrent-requests-per-instance = 2"),
        "p.toml:3:41: functions.ner.pool.concurrent-requests-per-instance: must be at most `requests-per-instance`, 1",
    );
    only(
        &format!("{ner}pool.max-instances = 2\nlimits.concurrent-requests = 3"),
        "p.toml:4:30: functions.ner.limits.concurrent-requests: must be at most 2, the number of \
         requests that the instances of the pool can take",
    );
    only(
        &format!("{ner}precision = 'int4'\nhost.backend = 'tract'"),
        "p.toml:3:13: functions.ner.precision: int4 is only supported in the sandbox and by the \
         backend native; other backends support unchanged, f32 and int8",
    );
    only(
        &format!("{ner}host = {{ backend = 'tract', device = 'gpu' }}"),
        "p.toml:3:38: functions.ner.host.device: this backend supports only the device cpu; use \
         onnxruntime",
    );
    only(
        "http.proxy-protocol = true",
        "p.toml:1:23: http.proxy-protocol: needs `trusted-proxies`; list the addresses or networks \
         of the proxies",
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
