//! Clients and backends that misbehave: what it costs sessions.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Instant;

use pilotlight_tests::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::TcpSocket;

use super::wire::Conversation;
use super::{FRAME, HOST, Hearing, PATIENCE, STREAM, audio, begin, close, probabilities, told};

/// A connection that holds little of what is not read.
fn narrow(server: &Server) -> TcpStream {
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends audio without reading an answer, until the connection is closed.
fn send_without_reading(mut stream: TcpStream) {
    // The length is known, so the server reads no faster than the answer is read.
    let length = 1u64 << 40;
    let head =
        format!("POST {STREAM} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let piece = audio(2, FRAME * 32);
    let mut sent = 0;
    while stream.write_all(&piece).is_ok() {
        sent += piece.len();
        assert!(sent < 1 << 30, "the server reads on");
    }
}

#[test]
fn a_client_that_reads_no_answer_is_cut_off_and_costs_its_own_session() {
    let hearing = Hearing::start(&[&HOST[..], &["--write-timeout", "1"]].concat());
    let mut other = begin(&hearing);
    std::thread::scope(|scope| {
        let stalled = narrow(&hearing.server);
        let stalled = scope.spawn(move || send_without_reading(stalled));
        let frame = audio(1, FRAME);
        while !stalled.is_finished() {
            other.send(&frame);
            other.frame();
        }
        stalled.join().unwrap();
    });
    other.end();
    assert!(other.lines().last().unwrap().get("done").is_some());
    assert_eq!(hearing.settle()["sessions"]["begun"], 2);
}

#[test]
fn a_client_that_sends_ten_frames_for_one_of_another_changes_nothing_for_it() {
    const FRAMES: usize = 90;
    let hearing = Hearing::start(&HOST);
    let (slow, fast) = (audio(4, FRAME * FRAMES), audio(5, FRAME * FRAMES * 10));
    let mut pieces = slow.chunks(FRAME * 2).zip(fast.chunks(FRAME * 2 * 10));
    let (frame, ten) = pieces.next().unwrap();
    let mut one = Conversation::begin(hearing.connect(), STREAM, "", frame);
    let mut other = Conversation::begin(hearing.connect(), STREAM, "", ten);
    let mut lines = vec![one.frame()];
    for (frame, ten) in pieces {
        other.send(ten);
        one.send(frame);
        lines.push(one.frame());
    }
    assert!(close(&told(&lines), &probabilities(&slow)));
    other.end();
    assert!(close(&told(&other.lines()), &probabilities(&fast)));
    one.end();
    assert!(one.lines().last().unwrap().get("done").is_some());
    hearing.settle();
}

fn graph(hearing: &Hearing) -> Value {
    hearing.status()["graphs"][0].clone()
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_backend_that_is_started_again_costs_the_sessions_that_it_computes() {
    let hearing = Hearing::start(&[&HOST[..], &["--isolate-backend"]].concat());
    let pcm = audio(6, FRAME * 4);
    let mut frames = pcm.chunks(FRAME * 2);
    let first = frames.next().unwrap();
    let mut waiting = Conversation::begin(hearing.connect(), STREAM, "", first);
    let mut lines = vec![waiting.frame()];
    let mut computed = begin(&hearing);
    let id = graph(&hearing)["process"]["id"].as_i64().unwrap();
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    // A backend that does not run cannot answer before it is killed.
    kill_process(id, Signal::STOP).unwrap();
    computed.send(&audio(1, FRAME));
    wait_until("computing", || graph(&hearing)["running"] != 0);
    kill_process(id, Signal::KILL).unwrap();
    let error = computed.lines().pop().unwrap();
    assert_eq!(error["error_type"], "unavailable", "{error}");
    wait_until("started again", || graph(&hearing)["process"]["restarts"] == 1);
    wait_until("running again", || graph(&hearing)["process"]["state"] == "running");
    // The state of a session is in its instance.
    for frame in frames {
        waiting.send(frame);
        lines.push(waiting.frame());
    }
    assert!(close(&told(&lines), &probabilities(&pcm)));
    let mut next = begin(&hearing);
    for session in [&mut waiting, &mut next] {
        session.end();
        assert!(session.lines().last().unwrap().get("done").is_some());
    }
    hearing.settle();
}
