//! How routes are written.

use std::time::Duration;

use pilotlight_router::{Route, Step, Sticky, Target, VersionName};
use proptest::prelude::*;

fn route(toml: &str) -> Route {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_target_stands_for_a_list_of_one() {
    let list = route("to = [{ target = 'pii', weight = 1.0 }]");
    for shorter in ["to = 'pii'", "to = { target = 'pii' }", "to = ['pii']", "to = 'pii@current'"] {
        assert_eq!(route(shorter), list, "{shorter}");
    }
}

#[test]
fn all_parts_of_a_route_are_read() {
    let route = route(
        r#"
        name = "pii"
        to = ["pii", { target = "pii@0123abcd", weight = 0.25 }]
        sticky = { cookie = "uid" }
        shadow = { target = "pii@previous", share = 0.1 }
        [match]
        path = "/pii/*"
        header = { x-group = "testers" }
        query = { lang = "*" }
        json = { "/user/id" = 7 }
        client = ["10.0.0.0/8"]
        [canary]
        target = "pii@0123abcd"
        steps = [{ share = 0.01, for = "90s" }, { share = 1, for = "2h" }]
        "#,
    );
    assert_eq!(route.sticky, Some(Sticky::Cookie("uid".to_owned())));
    assert_eq!(route.to[1].target.version, VersionName::Digest("0123abcd".to_owned()));
    assert_eq!(route.matches.json["/user/id"], 7);
    let canary = route.canary.as_ref().unwrap();
    assert_eq!(canary.steps[0].lasts, Duration::from_secs(90));
    assert_eq!(
        (canary.max_error_excess, canary.max_p99_ratio, canary.min_requests),
        (0.01, 1.5, 100)
    );
    let again = serde_json::to_string(&route).unwrap();
    assert_eq!(serde_json::from_str::<Route>(&again).unwrap(), route);
}

#[test]
fn an_error_says_what_and_where() {
    for (text, wrong, message) in [
        ("to = 'a b'", "'a b'", "consists of letters"),
        ("to = ['a', 'b@1']", "'b@1'", "8 to 64 hexadecimal digits"),
        ("to = ['a', { target = 'b', wait = 1 }]", "wait", "unknown field `wait`"),
        ("to = 7", "7", "a target, `{ target = …, weight = … }`, or a list"),
        ("to = 'a'\nsticky = { ip = 'x' }", "ip", "unknown variant `ip`"),
        ("to = 'a'\nretries = 1", "retries", "unknown field `retries`"),
    ] {
        let error = toml::from_str::<Route>(text).unwrap_err();
        assert!(error.message().contains(message), "{text}: {error}");
        let span = error.span().unwrap();
        assert!(text[span.clone()].contains(wrong), "{text}: {span:?}");
    }
}

#[test]
fn times_are_numbers_with_a_unit() {
    let step =
        |text: &str| serde_json::from_value::<Step>(serde_json::json!({ "share": 1, "for": text }));
    for (text, milliseconds) in [("1ms", 1), ("90s", 90_000), ("5m", 300_000), ("2h", 7_200_000)] {
        assert_eq!(step(text).unwrap().lasts, Duration::from_millis(milliseconds));
    }
    let wrong = ["", "5", "s", "0s", "-1s", "+1s", "1.5s", "1 s", "1d", "1S", "5²s", "ms5"];
    for text in wrong.into_iter().chain(["99999999999999999999s", "18446744073709551615h"]) {
        let error = step(text).unwrap_err().to_string();
        assert!(
            error.contains("is not a duration; write a number and ms, s, m or h"),
            "{text}: {error}"
        );
    }
}

#[test]
fn the_schema_knows_the_short_forms() {
    let schema = serde_json::to_value(schemars::schema_for!(Route)).unwrap();
    assert_eq!(schema["properties"]["to"]["anyOf"].as_array().unwrap().len(), 3);
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn any_target_is_read_as_it_is_written(
        function in "[A-Za-z0-9._-]{1,20}", version in "(|@previous|@[0-9a-f]{8,64})",
    ) {
        let text = format!("{function}{version}");
        prop_assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
    }

    #[test]
    fn any_text_is_a_target_or_refused_with_a_reason(text in ".{0,30}|[a-z@0-9]{0,80}") {
        match text.parse::<Target>() {
            Ok(target) => prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target)),
            Err(reason) => prop_assert!(reason.contains("the name of a function") || reason.contains("version is")),
        }
    }

    #[test]
    fn any_time_is_read_or_refused(text in ".{0,12}|[0-9]{0,22}[hms]{0,2}") {
        let json = serde_json::json!({ "share": 0.5, "for": text });
        if let Ok(step) = serde_json::from_value::<Step>(json) {
            let again = serde_json::to_string(&step).unwrap();
            prop_assert_eq!(serde_json::from_str::<Step>(&again).unwrap(), step);
        }
    }
}
