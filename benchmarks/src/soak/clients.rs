//! Those who must not notice anything.

use serde_json::{Value, json};

use super::Soak;
use super::account::{Account, Kind};
use crate::http;

const TEXTS: [&str; 4] = [
    "My name is Sarah Connor and I live at 42 Elm Street, Springfield.",
    "Call me at 555-0134 or write to sarah.connor@example.com about invoice 7781.",
    "Überweisen Sie 120 € an Jürgen Müller, IBAN DE89 3704 0044 0532 0130 00.",
    "Nothing to see here.",
];

/// Asks the model; every answer has to be the one that it gave at first.
pub(super) fn model(soak: &Soak, account: &Account) -> anyhow::Result<()> {
    let mut expected: [Option<Value>; TEXTS.len()] = Default::default();
    let mut turn = 0;
    while soak.goes_on() {
        let index = turn % TEXTS.len();
        let body = json!({"inputs": TEXTS[index]}).to_string();
        let answer = http::ask(soak.port, "POST / HTTP/1.1\r\n", &body);
        account.count(Kind::Model, || {
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status != 200 || !answer.whole {
                return Err(format!("{}: {}", answer.status, answer.content));
            }
            let found = serde_json::from_str(&answer.content).map_err(|error| error.to_string())?;
            let expected = expected[index].get_or_insert_with(|| Value::clone(&found));
            (*expected == found).then_some(()).ok_or_else(|| format!("{found} and not {expected}"))
        });
        turn += 1;
    }
    Ok(())
}

/// Asks the function that others make fail; every instance has to be a fresh one.
pub(super) fn bystander(soak: &Soak, account: &Account) -> anyhow::Result<()> {
    while soak.goes_on() {
        let answer = http::ask(soak.port, "GET /count HTTP/1.1\r\nx-faults: 1\r\n", "");
        account.count(Kind::Bystander, || {
            let answer = answer.map_err(|error| error.to_string())?;
            let right = answer.status == 200 && answer.content == "1";
            right.then_some(()).ok_or_else(|| format!("{}: {}", answer.status, answer.content))
        });
    }
    Ok(())
}
