//! Who is asked, and how.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use pilotlight_http_client::{agent, is_loopback};

#[test]
fn only_this_machine_is_loopback() {
    for host in ["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["", "a.localhost", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[::2]"] {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn redirects_and_failures_are_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let answers = ["302 Found\r\nlocation: /elsewhere", "503 Service Unavailable"];
        answers.map(|answer| {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let answer =
                format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(head).unwrap()
        })
    });
    let agent = agent("127.0.0.1").build().new_agent();
    let statuses = [(); 2].map(|()| agent.get(&url).call().unwrap().status().as_u16());
    assert_eq!(statuses, [302, 503]);
    for head in server.join().unwrap() {
        assert!(head.starts_with("GET / ") && head.contains("user-agent: pilotlight/"), "{head}");
    }
}
