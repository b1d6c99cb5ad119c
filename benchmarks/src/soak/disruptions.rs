//! Faults, version changes, reloads and slow clients, and their expected effects.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Request;

use super::server::SoakServer;
use super::tally::{Activity, Tally};
use crate::http;

/// Connections of slow clients that are open at the same time.
const SLOW_CLIENTS: usize = 64;

/// A fault that the guest can be requested to cause, and its expected effect.
struct Fault {
    path: &'static str,
    status: u16,
    /// Whether the response is complete.
    complete: bool,
    /// The kind of failure that the server counts, or nothing.
    kind: &'static str,
}

const FAULTS: [Fault; 8] = [
    Fault { path: "/panic", status: 500, complete: true, kind: "panic" },
    Fault { path: "/overflow", status: 500, complete: true, kind: "trap" },
    Fault { path: "/allocate", status: 500, complete: true, kind: "out_of_memory" },
    Fault { path: "/spin", status: 504, complete: true, kind: "timeout" },
    Fault { path: "/half", status: 200, complete: false, kind: "half_response" },
    Fault { path: "/hang", status: 200, complete: false, kind: "half_response" },
    Fault { path: "/hang-after", status: 200, complete: true, kind: "" },
    Fault { path: "/flood", status: 200, complete: true, kind: "" },
];

/// Makes the function fail in all ways.
pub(super) fn faults(server: &SoakServer, tally: &Tally) -> anyhow::Result<()> {
    for Fault { path, status, complete, kind } in FAULTS.iter().cycle() {
        if !server.is_running() {
            break;
        }
        let request = Request::get(http::url(server.port, path)).header("x-faults", "1");
        let response = http::send(&request.body(String::new())?);
        tally.count(Activity::Fault, || {
            let response = response.map_err(|error| format!("{path}: {error:#}"))?;
            if (response.status, response.complete) != (*status, *complete) {
                let (status, complete) = (response.status, response.complete);
                return Err(format!("{path}: {status}, complete: {complete}: {}", response.body));
            }
            tally.caused(kind);
            Ok(())
        });
        server.pause(Duration::from_millis(200));
    }
    Ok(())
}

/// Swaps, and rolls back twice after each swap.
pub(super) fn versions(server: &SoakServer, tally: &Tally) -> anyhow::Result<()> {
    for version in server.versions.iter().rev().cycle() {
        server.pause(Duration::from_secs(3));
        if !server.is_running() {
            break;
        }
        let swap = json!({"source": version});
        let changes = [
            http::put(server.admin, "/functions/model", &swap),
            http::post(server.admin, "/functions/model/rollback", &Value::Null),
            http::post(server.admin, "/functions/model/rollback", &Value::Null),
        ];
        for change in changes {
            tally.count(Activity::VersionChange, || match change {
                // A reload of the configuration changes the version at the same time.
                Err(error) if error.to_string().starts_with("409") => Ok(()),
                change => change.map(drop).map_err(|error| format!("{error:#}")),
            });
        }
    }
    Ok(())
}

/// Writes configurations. One in three is invalid and must have no effect.
pub(super) fn configurations(server: &SoakServer, tally: &Tally) -> anyhow::Result<()> {
    for number in 1.. {
        server.pause(Duration::from_secs(2));
        if !server.is_running() {
            break;
        }
        let text = match number % 3 {
            0 => "functions = 'none'".to_owned(),
            _ => server.configuration(number),
        };
        let written = server.configure(&text);
        tally.count(Activity::Configuration, || written.map_err(|error| error.to_string()));
    }
    server.configure(&server.configuration(0))
}

/// Opens connections that send half a head or half a body, or that do not read the response.
pub(super) fn slow_clients(server: &SoakServer, tally: &Tally) -> anyhow::Result<()> {
    let beginnings = [
        "GET /info HTTP/1.1\r\nhost: loc",
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{\"inputs\": ",
        "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n",
        "GET /info HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ];
    let mut open = VecDeque::new();
    for beginning in beginnings.iter().cycle() {
        if !server.is_running() {
            break;
        }
        tally.count(Activity::SlowClient, || {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port))
                .map_err(|error| format!("cannot connect: {error}"))?;
            // The server may close the connection at any time.
            let _ = stream.write_all(beginning.as_bytes());
            open.push_back(stream);
            Ok(())
        });
        if open.len() > SLOW_CLIENTS {
            open.pop_front();
        }
        server.pause(Duration::from_millis(100));
    }
    Ok(())
}
