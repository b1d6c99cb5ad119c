//! Those who make trouble, and what each of them has to be told.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::Soak;
use super::account::{Account, Kind};
use crate::http;

/// What a guest can be asked to do; the status, whether the answer is whole, and what is counted.
const FAULTS: [(&str, u16, bool, &str); 8] = [
    ("/panic", 500, true, "panic"),
    ("/overflow", 500, true, "trap"),
    ("/allocate", 500, true, "out_of_memory"),
    ("/spin", 504, true, "timeout"),
    ("/half", 200, false, "half_response"),
    ("/hang", 200, false, "half_response"),
    ("/hang-after", 200, true, ""),
    ("/flood", 200, true, ""),
];

pub(super) fn faults(soak: &Soak, account: &Account) -> anyhow::Result<()> {
    for (path, status, whole, kind) in FAULTS.iter().cycle() {
        if !soak.goes_on() {
            break;
        }
        let line = format!("GET {path} HTTP/1.1\r\nx-faults: 1\r\n");
        let answer = http::ask(soak.port, &line, "");
        account.count(Kind::Fault, || {
            let answer = answer.map_err(|error| format!("{path}: {error}"))?;
            if (answer.status, answer.whole) != (*status, *whole) {
                let (status, whole) = (answer.status, answer.whole);
                return Err(format!("{path}: {status}, whole: {whole}: {}", answer.content));
            }
            account.expect(kind);
            Ok(())
        });
        soak.pause(Duration::from_millis(200));
    }
    Ok(())
}

/// Swaps, and rollbacks forth and back.
pub(super) fn versions(soak: &Soak, account: &Account) -> anyhow::Result<()> {
    for version in soak.versions.iter().rev().cycle() {
        soak.pause(Duration::from_secs(3));
        if !soak.goes_on() {
            break;
        }
        let swap = json!({"source": version});
        let changes = [
            http::put(soak.admin, "/functions/model", &swap),
            http::post(soak.admin, "/functions/model/rollback", &Value::Null),
            http::post(soak.admin, "/functions/model/rollback", &Value::Null),
        ];
        for change in changes {
            account.count(Kind::Change, || match change {
                // A configuration that takes effect at this moment changes it, too.
                Err(error) if error.to_string().starts_with("409") => Ok(()),
                change => change.map(drop).map_err(|error| format!("{error:#}")),
            });
        }
    }
    Ok(())
}

/// Configurations, one in three of which is wrong and has to change nothing.
pub(super) fn configurations(soak: &Soak, account: &Account) -> anyhow::Result<()> {
    for turn in 1.. {
        soak.pause(Duration::from_secs(2));
        if !soak.goes_on() {
            break;
        }
        let text = match turn % 3 {
            0 => "functions = 'none'".to_owned(),
            _ => soak.configuration(turn),
        };
        let written = soak.configure(&text);
        account.count(Kind::Configuration, || written.map_err(|error| error.to_string()));
    }
    soak.configure(&soak.configuration(0))
}

/// Clients that send half a head, half a body, or do not read; they wait for themselves only.
pub(super) fn slow_clients(soak: &Soak, account: &Account) -> anyhow::Result<()> {
    let beginnings = [
        "GET /info HTTP/1.1\r\nhost: loc",
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{\"inputs\": ",
        "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n",
        "GET /info HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ];
    let mut open = std::collections::VecDeque::new();
    for beginning in beginnings.iter().cycle() {
        if !soak.goes_on() {
            break;
        }
        account.count(Kind::SlowClient, || {
            let mut stream = TcpStream::connect(("127.0.0.1", soak.port))
                .map_err(|error| format!("cannot connect: {error}"))?;
            // It may be cut off at any time.
            let _ = stream.write_all(beginning.as_bytes());
            open.push_back(stream);
            Ok(())
        });
        if open.len() > 64 {
            open.pop_front();
        }
        soak.pause(Duration::from_millis(100));
    }
    Ok(())
}
