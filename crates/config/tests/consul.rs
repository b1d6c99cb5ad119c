//! A key of Consul's KV is followed; a stub speaks the protocol of its blocking queries.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod real_agent;

use std::thread;
use std::time::Duration;

use pilotlight_config::{Change, Consul, ConsulError, ConsulOptions, Secret};
use pilotlight_testing::consul::{self, Agent, Answer};
use real_agent::Real;

fn text(text: &str) -> Change {
    Change::Text(text.to_owned())
}

fn consul(agent: &Agent) -> Consul {
    let mut options = ConsulOptions::new(agent.address(), "pilotlight/prod uction");
    options.token = Some(Secret::new("s3cret"));
    Consul::new(options).unwrap()
}

#[test]
fn a_question_waits_until_the_value_changes() {
    let agent = Agent::start();
    agent.set("a");
    let mut consul = consul(&agent);
    assert_eq!(consul.wait().unwrap(), text("a"));
    let waiting = thread::spawn(move || (consul.wait().unwrap(), consul));
    agent.until_one_waits();
    assert!(!waiting.is_finished());
    agent.set("b");
    let (change, mut consul) = waiting.join().unwrap();
    assert_eq!(change, text("b"));
    assert_eq!(consul.pause(), Duration::ZERO);
    agent.end_waits();
    assert_eq!(consul.wait().unwrap(), Change::Unchanged);
    assert!(!consul.pause().is_zero());
}

#[test]
fn a_question_names_key_index_wait_and_token() {
    let agent = Agent::start();
    agent.set("a");
    let mut consul = consul(&agent);
    consul.wait().unwrap();
    let request = agent.requests().remove(0);
    assert!(request.starts_with(
        "GET /v1/kv/pilotlight/prod%20uction?raw=true&index=0&wait=60000ms HTTP/1.1\r\n"
    ));
    assert!(request.to_lowercase().contains("x-consul-token: s3cret\r\n"), "{request}");
    assert!(!format!("{consul:?}").contains("s3cret"));
}

#[test]
fn a_real_agent_is_followed() {
    const KEY: &str = "pilotlight/prod%20uction";
    let Some(agent) = Real::start() else { return };
    let options = ConsulOptions::at(&format!("{}/v1/kv/{KEY}", agent.address())).unwrap();
    let mut consul = Consul::new(options).unwrap();
    assert_eq!(consul.wait().unwrap(), Change::Absent);
    for value in ["a", "b = 'ä'"] {
        let waiting = thread::spawn(move || (consul.wait().unwrap(), consul));
        agent.put(KEY, value);
        let change;
        (change, consul) = waiting.join().unwrap();
        assert_eq!(change, text(value));
    }
    agent.delete(KEY);
    assert_eq!(consul.wait().unwrap(), Change::Absent);
    drop(agent);
    assert!(matches!(consul.wait(), Err(ConsulError::Unreachable { .. })));
}

#[test]
fn an_absent_key_is_told_once_and_waited_for() {
    let agent = Agent::start();
    let mut consul = consul(&agent);
    assert_eq!(consul.wait().unwrap(), Change::Absent);
    agent.end_waits();
    assert_eq!(consul.wait().unwrap(), Change::Unchanged);
    agent.set("a");
    assert_eq!(consul.wait().unwrap(), text("a"));
    agent.remove();
    assert_eq!(consul.wait().unwrap(), Change::Absent);
}

#[test]
fn an_index_that_goes_backwards_has_everything_read_again() {
    let agent = Agent::start();
    agent.set("a");
    agent.set("b");
    let mut consul = consul(&agent);
    assert_eq!(consul.wait().unwrap(), text("b"));
    agent.restore("a", 1);
    assert_eq!(consul.wait().unwrap(), text("a"));
    agent.restore("b", 1);
    assert_eq!(consul.wait().unwrap(), text("b"));
    let indices: Vec<_> = agent.requests().iter().map(|request| consul::index(request)).collect();
    assert_eq!(indices[..2], [0, 3]);
    assert_eq!(indices[2], 0);
}

#[test]
fn an_index_of_nothing_does_not_make_questions_that_never_wait() {
    let agent = Agent::start();
    agent.next_answers([Answer::raw("200 OK", "X-Consul-Index: 0\r\n", "a")]);
    agent.set("a");
    let mut consul = consul(&agent);
    assert_eq!(consul.wait().unwrap(), text("a"));
    consul.wait().unwrap();
    assert_eq!(consul::index(&agent.requests()[1]), 1);
}

#[test]
fn failures_are_told_and_what_was_known_stays() {
    let agent = Agent::start();
    agent.set("a");
    let mut consul = consul(&agent);
    assert_eq!(consul.wait().unwrap(), text("a"));
    agent.next_answers([
        Answer::raw("500 Internal Server Error", "", "no leader"),
        Answer::Close,
        Answer::raw("403 Forbidden", "", "ACL not found"),
        Answer::raw("200 OK", "", "a"),
        Answer::raw("200 OK", "X-Consul-Index: 9\r\n", "\u{fffd}").spoilt(),
        Answer::raw("302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
    ]);
    let mut pauses = Vec::new();
    let mut fails = || {
        let error = consul.wait().unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
        pauses.push(consul.pause().as_secs());
        error
    };
    assert!(matches!(fails(), ConsulError::Refused { status: 500, .. }));
    assert!(matches!(fails(), ConsulError::Unreachable { .. }));
    assert!(fails().to_string().ends_with("; the token in CONSUL_HTTP_TOKEN may not read it"));
    assert!(matches!(fails(), ConsulError::NoIndex { .. }));
    assert!(matches!(fails(), ConsulError::NotText { .. }));
    assert!(matches!(fails(), ConsulError::Refused { status: 302, .. }));
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30]);
    agent.end_waits();
    assert_eq!(consul.wait().unwrap(), Change::Unchanged);
    agent.set("b");
    assert_eq!(consul.wait().unwrap(), text("b"));
    assert!(consul.pause().is_zero());
}

#[test]
fn an_agent_that_is_not_there_is_asked_less_and_less_often() {
    let mut consul = Consul::new(ConsulOptions::new("http://127.0.0.1:1/", "key")).unwrap();
    for _ in 0..40 {
        assert!(matches!(consul.wait(), Err(ConsulError::Unreachable { .. })));
    }
    assert_eq!(consul.pause(), Duration::from_secs(30));
}

#[test]
fn a_question_waits_no_longer_than_consul_does() {
    let agent = Agent::start();
    agent.set("a");
    let mut options = ConsulOptions::new(agent.address(), "key");
    options.wait = Duration::MAX;
    assert_eq!(Consul::new(options).unwrap().wait().unwrap(), text("a"));
    assert!(agent.requests()[0].contains("&wait=600000ms "));
}

#[test]
fn what_is_to_go_over_tls_does_not_go_otherwise() {
    let agent = Agent::start();
    agent.set("a");
    let mut options = ConsulOptions::at(&agent.url("key").replace("http:", "https:")).unwrap();
    options.token = Some(Secret::new("s3cret"));
    let refused = Consul::new(options).unwrap().wait();
    assert!(matches!(refused, Err(ConsulError::Unreachable { .. })), "{refused:?}");
    assert!(agent.requests().is_empty());
}

#[test]
fn addresses_and_tokens_that_cannot_be_used_are_refused() {
    for address in
        ["", "127.0.0.1:8500", "ftp://consul", "https://", "http://", "http://a b", "http://u@h"]
    {
        let refused = Consul::new(ConsulOptions::new(address, "key"));
        assert!(matches!(refused, Err(ConsulError::Address(_))), "{address}");
    }
    let mut options = ConsulOptions::new("http://127.0.0.1:8500", "key");
    options.token = Some(Secret::new("a\r\nb"));
    assert!(matches!(Consul::new(options), Err(ConsulError::Token)));
}
