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
