use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use pilotlight_tests::{Server, test_guest};

fn serve(guest: &str, arguments: &[&str]) -> Server {
    let file = test_guest(guest);
    Server::start(&[&[file.to_str().unwrap()], arguments].concat())
}

#[test]
fn what_one_request_writes_the_next_does_not_see() {
    for guest in ["p2", "p3"] {
        let server = serve(guest, &[]);
        for _ in 0..20 {
            assert_eq!(server.get("/count").text, "1", "{guest}");
        }
    }
}

#[test]
fn a_guest_that_fails_is_a_500_and_harms_nobody_else() {
    let cases = [("p2", &["/panic", "/silent"][..]), ("p3", &["/panic", "/allocate", "/overflow"])];
    for (guest, paths) in cases {
        let server = serve(guest, &[]);
        for path in paths {
            let answer = server.get(path);
            assert_eq!(answer.status, 500, "{guest} {path}: {}", answer.text);
            assert_eq!(answer.json()["error_type"], "internal");
            assert!(!answer.header("x-request-id").is_empty());
            assert_eq!(server.get("/count").text, "1", "{guest} after {path}");
        }
    }
}

#[test]
fn a_guest_that_never_ends_is_stopped_while_others_are_served() {
    let server = serve("p3", &["--request-timeout", "2"]);
    std::thread::scope(|scope| {
        // More than there are cores.
        let spinning: Vec<_> = (0..4).map(|_| scope.spawn(|| server.get("/spin"))).collect();
        assert_eq!(server.get("/count").text, "1");
        for answer in spinning {
            let answer = answer.join().unwrap();
            assert_eq!(answer.status, 504, "{}", answer.text);
            assert_eq!(answer.json()["error_type"], "timeout");
        }
    });
    assert_eq!(server.get("/count").text, "1");
}

/// The most memory that the server ever had, in bytes.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// A response to `path` whose body has not been read yet.
fn begun(server: &Server, path: &str) -> BufReader<TcpStream> {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "no head");
    }
    stream
}

/// GHSA-x84v-gj2h-g759: Wasmtime copied whatever a guest wrote to a stream at once.
#[test]
fn what_a_guest_writes_at_once_is_copied_in_small_parts() {
    const LARGEST: usize = 64 << 10;
    let server = serve("p3", &["--concurrent-requests", "8"]);
    let mut bodies: Vec<_> = (0..4).map(|_| begun(&server, "/large")).collect();
    // Others are served while nobody reads these.
    assert_eq!(server.get("/count").text, "1");
    let mut body = bodies.pop().unwrap();
    let mut received = 0;
    loop {
        let mut size = String::new();
        body.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        assert!(size <= LARGEST, "a part of {size} bytes");
        let mut part = vec![0; size + 2];
        body.read_exact(&mut part).unwrap();
        received += size;
        if size == 0 {
            break;
        }
    }
    assert_eq!(received, 32 << 20);
    assert_eq!(server.get("/count").text, "1");
}

#[test]
fn a_guest_that_hoards_header_fields_ends_before_the_hosts_memory() {
    let server = serve("p3", &[]);
    assert_eq!(server.get("/count").text, "1");
    let before = peak(&server);
    for _ in 0..2 {
        assert_eq!(server.get("/fields").status, 500);
        assert_eq!(server.get("/count").text, "1");
    }
    let taken = peak(&server) - before;
    assert!(taken < 1 << 30, "{taken} bytes");
}
