//! Routes, and what the router finds in them.

use pilotlight_config::{Config, Location, RouteDiagnostic, parse};

use crate::{only, sources};

#[test]
fn routes_are_checked_to_the_last_key() {
    let ner = "[functions.ner]\nsource = 'ner'\n[[routes]]\n";
    only(
        &format!("{ner}to = 'nerr'"),
        "p.toml:4:6: routes[0].to[0].target: function `nerr` does not exist; did you mean `ner`?",
    );
    only(
        &format!("{ner}to = 'ner@12'"),
        "p.toml:4:6: routes[0].to: \"ner@12\": a version is `previous`, or 8 to 64 hexadecimal \
         digits of its SHA-256",
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
        "p.toml:5:56: routes[0].canary.steps[0].for: \"1d\" is not a duration; write a number and \
         ms, s, m or h, such as \"10s\"",
    );
    only(
        &format!("{ner}name = 'a'\nto = 'ner'\n[[routes]]\nname = 'a'\nto = 'ner'"),
        "p.toml:7:8: routes[1].name: routes[0] has the same name; choose another one",
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
        "p.toml:1:1: functions: several functions need `routes`; add [[routes]], or call one \
         function `default`",
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
        "p.toml:7:8: routes[1].name: routes[0] has the same name; choose another one",
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
