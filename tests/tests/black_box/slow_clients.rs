//! Clients that send all of a body but its end, against the program with its default limits.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};

use pilotlight_tests::{Server, component};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

/// Of 127.0.0.2 and so on; an address may have a quarter of the memory.
const ADDRESSES: u8 = 3;
const CONNECTIONS: u8 = 170;
/// Most that the default model takes is one KiB more.
const BODY: usize = 127 << 10;
/// The default of `--body-memory`.
const MEMORY: usize = 256 << 20;
/// Memory beside the body that a connection may cost: hyper's buffers are about 150 KiB.
const OVERHEAD: usize = 224 << 10;

/// Resident memory of a process in bytes (proc_pid_status(5)).
fn resident(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Sends all of a body but its last byte.
async fn hold(server: SocketAddr, address: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, address], 0))).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    let head = format!("{head}\r\ncontent-length: {BODY}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; BODY - 1]).await.unwrap();
    stream.into_std().unwrap()
}

#[test]
fn clients_that_hold_bodies_back_cost_their_bytes_and_others_are_served() {
    let server = Server::start(&[component().to_str().unwrap()]);
    let ask = || server.post("/", json!({"inputs": "I am Sarah."}).to_string());
    // What the first requests take is there for good.
    (0..20).for_each(|_| assert_eq!(ask().status, 200));
    let before = resident(server.id());
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let mut held = Vec::new();
    for last in (2..2 + ADDRESSES).cycle().take(usize::from(ADDRESSES) * usize::from(CONNECTIONS)) {
        held.push(runtime.block_on(hold(address, last)));
    }
    let mut most = 0;
    for _ in 0..50 {
        let answer = ask();
        assert_eq!(answer.status, 200, "{}", answer.text);
        most = most.max(resident(server.id()));
    }
    let grown = most.saturating_sub(before);
    assert!(grown < held.len() * (BODY + OVERHEAD), "{} MiB", grown >> 20);
    assert!(grown < MEMORY, "{} MiB", grown >> 20);
    // None was refused, though some may have been given up since.
    for mut client in held {
        let mut answer = [0; 12];
        match client.read_exact(&mut answer) {
            Ok(()) => assert_eq!(&answer, b"HTTP/1.1 408"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}
