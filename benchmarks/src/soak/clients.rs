//! Clients whose requests always succeed.

use serde_json::{Value, json};
use ureq::http::Request;

use super::server::SoakServer;
use super::tally::{Activity, Tally};
use crate::http;

const TEXTS: [&str; 4] = [
    "My name is Sarah Connor and I live at 42 Elm Street, Springfield.",
    "Call me at 555-0134 or write to sarah.connor@example.com about invoice 7781.",
    "Überweisen Sie 120 € an Jürgen Müller, IBAN DE89 3704 0044 0532 0130 00.",
    "Nothing to see here.",
];

/// Requests inference. The response to a text is always the same.
pub(super) fn model(server: &SoakServer, tally: &Tally) -> anyhow::Result<()> {
    let mut expected: [Option<Value>; TEXTS.len()] = Default::default();
    for index in (0..TEXTS.len()).cycle() {
        if !server.is_running() {
            break;
        }
        let body = json!({"inputs": TEXTS[index]}).to_string();
        let response = http::send(&Request::post(http::url(server.port, "/")).body(body)?);
        tally.count(Activity::Inference, || {
            let response = response.map_err(|error| format!("{error:#}"))?;
            if response.status != 200 || !response.complete {
                return Err(format!("{}: {}", response.status, response.body));
            }
            let labels = serde_json::from_str(&response.body).map_err(|error| error.to_string())?;
            let expected = expected[index].get_or_insert_with(|| Value::clone(&labels));
            if *expected == labels {
                Ok(())
            } else {
                Err(format!("{labels} instead of {expected}"))
            }
        });
    }
    Ok(())
}

/// Sends requests to the failing function. Each is served by a fresh instance.
pub(super) fn fresh_instances(server: &SoakServer, tally: &Tally) -> anyhow::Result<()> {
    let request = Request::get(http::url(server.port, "/count")).header("x-faults", "1");
    let request = request.body(String::new())?;
    while server.is_running() {
        let response = http::send(&request);
        tally.count(Activity::FreshInstance, || {
            let response = response.map_err(|error| format!("{error:#}"))?;
            let is_first_request = response.status == 200 && response.body == "1";
            let (status, body) = (response.status, response.body);
            if is_first_request { Ok(()) } else { Err(format!("{status}: {body}")) }
        });
    }
    Ok(())
}
