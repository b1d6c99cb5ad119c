//! What supervisors and load balancers are told when the server starts and stops.

use std::io::{BufRead as _, BufReader, pipe};
use std::os::unix::net::UnixDatagram;

use pilotlight_tests::{Server, pilotlight, test_guest};

/// The line about stopping of a server that listens there.
fn told_when_stopped(listen: &str) -> String {
    let guest = test_guest("p3");
    let (reader, writer) = pipe().unwrap();
    let mut command = pilotlight(&["serve", guest.to_str().unwrap()]);
    command.args(["--listen", listen, "--admin-listen", "127.0.0.1:0"]).stderr(writer);
    let server = Server::run_as_it_is(&mut command);
    // What is left is the server's end of the pipe.
    drop(command);
    server.signal(rustix::process::Signal::TERM);
    let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
    lines.find(|line| line.starts_with("stopping:")).unwrap()
}

#[test]
fn load_balancers_have_five_seconds_to_notice_where_other_machines_reach_the_server() {
    let told = told_when_stopped("0.0.0.0:0");
    assert!(told.contains("still accepting requests for 5s"), "{told}");
    for local in ["127.0.0.1:0", "127.0.0.2:0"] {
        let told = told_when_stopped(local);
        assert!(!told.contains("still accepting"), "{told}");
    }
}

#[test]
fn systemd_is_told_about_start_progress_and_stop() {
    let guest = test_guest("p3");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = pilotlight(&["serve", guest.to_str().unwrap()]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let server = Server::run(&mut command);
    let next = || {
        let mut message = [0; 64];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    assert_eq!([next(), next(), next()], ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
    server.signal(rustix::process::Signal::TERM);
    while next() != "STOPPING=1" {}
}
