//! What is said later wins: file, environment, variables, flags.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pilotlight_config::{Config, Location, Sources, check};

const TEXT: &str = "\
listen = '127.0.0.1:1'
keys = ['a.pem']
[functions.Ner_de]
source = 'ner'
pool.min-ready = 1
[functions.next]
source = '/models/next'
[[routes]]
name = 'all'
to = [{ target = 'Ner_de', weight = 9 }, { target = 'next' }]
[env.production]
listen = '127.0.0.1:2'
functions.Ner_de.pool.min-ready = 2
[[env.production.routes]]
name = 'all'
to = [{ target = 'next', weight = 3 }]
[env.staging]
functions.next.pool.min-ready = 0
";

#[derive(Default)]
struct Said<'a> {
    environment: Option<&'a str>,
    variables: &'a [(&'a str, &'a str)],
    flags: &'a [&'a str],
}

impl Said<'_> {
    fn sources(&self) -> Sources {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Sources {
            name: "p.toml".to_owned(),
            folder: PathBuf::from("/etc/pilotlight"),
            environment: self.environment.map(str::to_owned),
            variables: self.variables.iter().map(owned).collect(),
            flags: self.flags.iter().map(|flag| (*flag).to_owned()).collect(),
            routes: None,
        }
    }

    fn config(&self) -> Config {
        Config::parse(TEXT, &self.sources()).unwrap()
    }

    fn told(&self, text: &str) -> Vec<String> {
        let diagnostics = Config::parse(text, &self.sources()).unwrap_err();
        diagnostics.into_iter().map(|diagnostic| diagnostic.to_string()).collect()
    }
}

fn weights(config: &Config) -> Vec<(String, f64)> {
    config.routes[0]
        .to
        .iter()
        .map(|weighted| (weighted.target.to_string(), weighted.weight))
        .collect()
}

#[test]
fn later_words_win() {
    let environment = Some("production");
    let variables: &[_] = &[
        ("PILOTLIGHT_LISTEN", "127.0.0.1:3"),
        ("PILOTLIGHT__FUNCTIONS__NER_DE__POOL__MIN_READY", "3"),
        ("PILOTLIGHT_GUEST", "not ours"),
    ];
    let flags: &[_] = &["listen=127.0.0.1:4", "functions.Ner_de.pool.min-ready=4"];
    let ready = |said: &Said<'_>| {
        let config = said.config();
        (config.listen.port(), config.functions["Ner_de"].pool.min_ready)
    };
    assert_eq!(ready(&Said::default()), (1, 1));
    assert_eq!(ready(&Said { environment, ..Said::default() }), (2, 2));
    assert_eq!(ready(&Said { environment, variables, ..Said::default() }), (3, 3));
    assert_eq!(ready(&Said { environment, variables, flags }), (4, 4));
}

#[test]
fn an_environment_has_its_own_shares() {
    let of = |environment| weights(&Said { environment, ..Said::default() }.config());
    let shares = |next| vec![("Ner_de".to_owned(), 9.0), ("next".to_owned(), next)];
    assert_eq!(of(None), shares(1.0));
    assert_eq!(of(Some("staging")), shares(1.0));
    assert_eq!(of(Some("production")), shares(3.0));
}

#[test]
fn any_key_can_be_set_from_outside() {
    let variables: &[_] = &[
        ("PILOTLIGHT_ADMIN_LISTEN", "127.0.0.1:9"),
        ("PILOTLIGHT_LOG", "debug"),
        ("PILOTLIGHT__ROUTES__0__TO__1__WEIGHT", "0.5"),
        ("PILOTLIGHT__FUNCTIONS__NEW__SOURCE", "123"),
        ("PILOTLIGHT__KEYS", "['x', 'y']"),
    ];
    let flags: &[_] =
        &["routes[0].to[0].weight=2", "functions.next.limits.memory=64MiB", "override-header=true"];
    let config = Said { variables, flags, ..Said::default() }.config();
    assert_eq!(config.admin.listen.unwrap().port(), 9);
    assert_eq!(config.telemetry.log, pilotlight_config::Level::Debug);
    assert_eq!(weights(&config)[0].1, 2.0);
    assert_eq!(weights(&config)[1].1, 0.5);
    assert_eq!(config.functions["new"].source, Path::new("123"));
    assert_eq!(config.keys, [Path::new("x"), Path::new("y")]);
    assert_eq!(config.functions["next"].limits.memory, 64 << 20);
    assert!(config.override_header);
}

#[test]
fn variables_win_whatever_their_order() {
    let mut variables = [
        ("PILOTLIGHT_LISTEN", "127.0.0.1:3"),
        ("PILOTLIGHT__FUNCTIONS__NEXT", "{ source = 'x', pool.min-ready = 7 }"),
        ("PILOTLIGHT__FUNCTIONS__NEXT__POOL__MIN_READY", "8"),
        ("PILOTLIGHT__LISTEN", "127.0.0.1:5"),
    ];
    for _ in 0..variables.len() {
        let config = Said { variables: &variables, ..Said::default() }.config();
        assert_eq!(config.listen.port(), 5, "{variables:?}");
        assert_eq!(config.functions["next"].source, Path::new("x"));
        assert_eq!(config.functions["next"].pool.min_ready, 8, "{variables:?}");
        variables.rotate_left(1);
    }
}

#[test]
fn an_environment_may_keep_users_by_something_else() {
    let text = TEXT.replace(
        "name = 'all'\nto = [{ target = 'Ner",
        "name = 'all'\nsticky = { cookie = 'a' }\nto = [{ target = 'Ner",
    );
    let text = format!("{text}[[env.staging.routes]]\nname = 'all'\nsticky.header = 'b'\n");
    let sticky = |environment| {
        let sources = Said { environment, ..Said::default() }.sources();
        format!("{:?}", Config::parse(&text, &sources).unwrap().routes[0].sticky)
    };
    assert_eq!(sticky(Some("production")), "Some(Cookie(\"a\"))");
    assert_eq!(sticky(Some("staging")), "Some(Header(\"b\"))");
}

#[test]
fn what_the_environment_holds_for_others_is_not_kept() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "keeps_what_is_its_own", "--ignored"]);
    command.env("PILOTLIGHT_ENV", "staging").env("PILOTLIGHT__VERIFY", "true");
    command.env("PILOTLIGHT_LOG", "debug").env("PILOTLIGHT_REGISTRY_PASSWORD", "s3cret");
    assert!(command.status().unwrap().success());
}

#[test]
#[ignore = "run by the test that sets the environment"]
fn keeps_what_is_its_own() {
    if std::env::var_os("PILOTLIGHT_REGISTRY_PASSWORD").is_none() {
        return;
    }
    let sources = Sources::of(Path::new("/etc/p.toml"));
    assert_eq!(sources.environment.as_deref(), Some("staging"));
    let mut names: Vec<_> = sources.variables.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["PILOTLIGHT_LOG", "PILOTLIGHT__VERIFY"]);
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file_that_says_them() {
    let flags: &[_] = &[
        "functions.next.source=here",
        "tls.certificate=cert.pem",
        "tls.key=key.pem",
        "admin.socket=admin.sock",
        "admin.token-file=token",
    ];
    let config = Said { flags, ..Said::default() }.config();
    let paths: Vec<_> = config.paths();
    let path = |key: &str| paths.iter().find(|(k, _)| k == key).unwrap().1.clone();
    assert_eq!(path("keys[0]"), Path::new("/etc/pilotlight/a.pem"));
    assert_eq!(path("functions.Ner_de.source"), Path::new("/etc/pilotlight/ner"));
    assert_eq!(path("functions.next.source"), Path::new("here"));
    assert_eq!(path("tls.certificate"), Path::new("cert.pem"));
    assert_eq!(path("tls.key"), Path::new("key.pem"));
    assert_eq!(path("admin.socket"), Path::new("admin.sock"));
    assert_eq!(path("admin.token-file"), Path::new("token"));
    assert_eq!(Said::default().config().functions["next"].source, Path::new("/models/next"));
}

#[test]
fn errors_from_outside_name_the_variable_or_the_flag() {
    let variables: &[_] = &[
        ("PILOTLIGHT_LISTEN", "here"),
        ("PILOTLIGHT__COLOUR", "red"),
        ("PILOTLIGHT__FUNCTIONS__NEXT__POOL__MIN_READY", "-1"),
    ];
    let flags: &[_] = &[
        "verify",
        "=1",
        "verify=maybe",
        "routes[7].name=x",
        "listen.port=1",
        "a..b=1",
        "watch[0]=1",
    ];
    let told = Said { variables, flags, ..Said::default() }.told(TEXT);
    let expected = [
        "--set : must be KEY=VALUE",
        "--set a..b: \"a..b\" is not a key; write names separated by dots",
        "--set listen.port: listen.port: `listen` is not a table",
        "--set routes[7].name: routes[7].name: `routes` has 1 elements, counted from 0",
        "--set verify: must be KEY=VALUE",
        "--set verify: verify: must be true or false, not a string",
        "PILOTLIGHT_LISTEN: listen: \"here\" is not an address; write IP:PORT, such as \
         \"127.0.0.1:3000\"",
        "PILOTLIGHT__COLOUR: colour: unknown key",
        "PILOTLIGHT__FUNCTIONS__NEXT__POOL__MIN_READY: functions.next.pool.min-ready: must be 0 to 4294967295",
    ];
    for line in expected {
        assert!(told.iter().any(|told| told == line), "{line} is not in {told:#?}");
    }
    assert_eq!(told.len(), expected.len() + 1, "{told:#?}");
}

#[test]
fn errors_of_an_environment_are_at_its_own_lines_whether_it_is_chosen_or_not() {
    let text = format!("{TEXT}verify = 3\n[[env.staging.routes]]\nname = 'al'\nto = 'nex'\n");
    let wrong = "p.toml:19:10: env.staging.verify: must be true or false, not an integer";
    assert_eq!(Said::default().told(&text), [wrong]);
    let told = Said { environment: Some("staging"), ..Said::default() }.told(&text);
    assert_eq!(told[0], wrong);
    assert!(told[1].starts_with("p.toml:21:8: env.staging.routes[0].name: no route"), "{told:?}");
    let text = text.replace("'al'", "'all'").replace("verify = 3", "verify = true");
    Config::parse(&text, &Said::default().sources()).unwrap();
    let diagnostics = check(&text, &Said::default().sources()).unwrap_err();
    assert_eq!(diagnostics.all().len(), 1);
    assert_eq!(diagnostics.all()[0].location, Location::Line { line: 22, column: 6 });
    assert!(diagnostics.to_string().contains("function `nex` does not exist"), "{diagnostics}");
}

#[test]
fn an_environment_changes_and_does_not_need_to_repeat() {
    let text = format!("{TEXT}[env.new.functions.third]\npool.min-ready = 1");
    Config::parse(&text, &Said::default().sources()).unwrap();
    let told = Said { environment: Some("new"), ..Said::default() }.told(&text);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("functions.third.source: is missing"), "{told:?}");
    let told = Said { environment: Some("prod"), ..Said::default() }.told(TEXT);
    assert_eq!(
        told,
        ["--env: the configuration has no environment `prod`: `production`, `staging`"]
    );
}

#[test]
fn files_of_auth_and_deidentify_sections_start_at_the_folder_of_the_configuration() {
    let text = "auth.a = { api-keys = 'keys.toml', jwks = '/jwks.json', issuer = 'i', audience = 'a' }\n\
                deidentify.p = { mode = 'encrypt', keys = 'ring.toml' }\n";
    let config = Config::parse(text, &Said::default().sources()).unwrap();
    let paths = config.paths();
    let paths: Vec<_> =
        paths.iter().map(|(key, path)| (key.as_str(), path.to_str().unwrap())).collect();
    let expected = [
        ("auth.a.api-keys", "/etc/pilotlight/keys.toml"),
        ("auth.a.jwks", "/jwks.json"),
        ("deidentify.p.keys", "/etc/pilotlight/ring.toml"),
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_reference_to_a_registry_is_no_path() {
    let digest = "0".repeat(64);
    let text = format!(
        "functions.a.source = 'oci://127.0.0.1:5000/team/a:1@sha256:{digest}'\n\
         [functions.b]\nsource = 'oci://registry.example.com/b:main'\npoll-interval = '90s'\n\
         [[routes]]\nname = 'all'\nto = [{{ target = 'a', weight = 1 }}, {{ target = 'b', weight = 1 }}]"
    );
    let folder = PathBuf::from("/etc/pilotlight");
    let sources = Sources { name: "p.toml".to_owned(), folder, ..Sources::default() };
    let config = Config::parse(&text, &sources).unwrap();
    let source = |name: &str| config.functions[name].source.to_str().unwrap().to_owned();
    assert_eq!(source("a"), format!("oci://127.0.0.1:5000/team/a:1@sha256:{digest}"));
    assert_eq!(source("b"), "oci://registry.example.com/b:main");
    assert_eq!(config.functions["a"].poll_interval, None);
    assert_eq!(config.functions["b"].poll_interval, Some(Duration::from_secs(90)));
    assert!(config.paths().is_empty(), "{:?}", config.paths());
}
