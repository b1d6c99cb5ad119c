//! WebSockets in Vosk's protocol.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use tungstenite::{Message, WebSocket};

use super::{FRAME, Hearing, audio, close, probabilities, told};

fn connect(hearing: &Hearing, path: &str) -> WebSocket<TcpStream> {
    let url = format!("{}{path}", hearing.server.url.replace("http://", "ws://"));
    tungstenite::client(url, hearing.connect()).unwrap().0
}

fn answer(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// What Vosk's example client does: it waits for an answer to each message of audio.
fn converse(socket: &mut WebSocket<TcpStream>, pcm: &[u8], size: usize) -> Vec<Value> {
    let config = r#"{ "config" : { "sample_rate" : 16000 } }"#;
    socket.send(Message::text(config)).unwrap();
    let mut answers = Vec::new();
    for piece in pcm.chunks(size) {
        socket.send(Message::binary(piece.to_vec())).unwrap();
        answers.push(answer(socket));
    }
    socket.send(Message::text(r#"{"eof" : 1}"#)).unwrap();
    answers.push(answer(socket));
    answers
}

#[test]
fn a_client_of_vosk_gets_an_answer_to_each_message() {
    for place in [&["--compute", "guest"][..], &["--backend", "tract"]] {
        let hearing = Hearing::start(place);
        for path in ["/", "/v1/audio/vosk"] {
            let pcm = audio(4, FRAME * 30);
            let mut socket = connect(&hearing, path);
            let answers = converse(&mut socket, &pcm, 8_000);
            assert!(close(&told(&answers), &probabilities(&pcm)), "{place:?} {path}");
            assert!(answers.iter().all(|answer| answer.get("partial").is_some() != answer.get("result").is_some()));
            // The server closes when it has told all.
            while let Ok(message) = socket.read() {
                assert!(message.is_close(), "{message}");
            }
        }
        let status = hearing.settle();
        assert_eq!(status["sessions"]["begun"], 2, "{status}");
        assert_eq!(hearing.server.get("/").status, 200, "the page is there, too");
    }
}

#[test]
fn many_sockets_do_not_see_each_other() {
    let hearing = Hearing::start(&["--backend", "tract", "--max-wait", "2"]);
    std::thread::scope(|scope| {
        for number in 0..10 {
            let hearing = &hearing;
            scope.spawn(move || {
                let pcm = audio(number, FRAME * 25);
                let mut socket = connect(hearing, "/");
                let answers = converse(&mut socket, &pcm, 900 + 100 * number);
                assert!(close(&told(&answers), &probabilities(&pcm)), "socket {number}");
            });
        }
    });
    hearing.settle();
}

#[test]
fn garbage_is_told_and_the_socket_closed() {
    let hearing = Hearing::start(&["--backend", "tract"]);
    for (message, part) in [
        (Message::text("no JSON"), "expected"),
        (Message::text(r#"{"config": {"sample_rate": "x"}}"#), "f64"),
    ] {
        let mut socket = connect(&hearing, "/");
        socket.send(message).unwrap();
        let told = answer(&mut socket);
        assert!(told["error"].as_str().unwrap().contains(part), "{told}");
        while let Ok(message) = socket.read() {
            assert!(message.is_close(), "{message}");
        }
    }
    // A message that is too long, and a client that goes away.
    let mut socket = connect(&hearing, "/");
    let _ = socket.send(Message::binary(vec![0; 2 << 20]));
    drop(socket);
    let mut socket = connect(&hearing, "/");
    socket.send(Message::binary(audio(1, FRAME / 2))).unwrap();
    drop(socket);
    hearing.settle();
}

#[test]
fn a_socket_is_refused_as_a_message_where_sessions_are() {
    let hearing = Hearing::start(&["--backend", "tract", "--max-sessions", "1"]);
    let mut first = connect(&hearing, "/");
    first.send(Message::binary(audio(1, FRAME))).unwrap();
    answer(&mut first);
    let mut second = connect(&hearing, "/");
    let told = answer(&mut second);
    assert!(told.to_string().contains("busy"), "{told}");
}

#[test]
fn handshakes_of_others_are_refused() {
    let hearing = Hearing::start(&["--backend", "tract"]);
    let send = |changed: &str| {
        let mut stream = hearing.connect();
        let head = format!(
            "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n{changed}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "sec-websocket-version: 13\r\n";
    assert_eq!(send(&format!("{key}{version}")), "101");
    assert_eq!(send(&format!("{key}{version}origin: http://localhost\r\n")), "101");
    assert_eq!(send(&format!("{key}{version}origin: https://evil.example\r\n")), "403");
    assert_eq!(send(&format!("{key}sec-websocket-version: 8\r\n")), "426");
    assert_eq!(send(version), "400");
    hearing.settle();
}
