//! A rolling restart behind HAProxy, as operators do it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pilotlight_testing::free_port;
use pilotlight_testing::programs::HAPROXY;
use pilotlight_tests::{Server, pilotlight, test_guest};

const PATIENCE: Duration = Duration::from_secs(60);
/// 20 requests per second.
const INTERVAL: Duration = Duration::from_millis(50);
/// Its health checks notice a server that is not ready within 1 s, much less than the drain delay.
const CONFIGURATION: &str = "
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    default-server check inter 500ms fall 2 rise 1

frontend clients
    bind 127.0.0.1:CLIENTS
    default_backend functions

frontend operators
    bind 127.0.0.1:OPERATORS
    stats enable
    stats uri /

backend functions
    option httpchk GET /ready
";

/// The ports of a server, which other servers of its place in the backend have again.
struct Place {
    name: &'static str,
    functions: u16,
    administration: u16,
}

impl Place {
    fn new(name: &'static str) -> Self {
        Self { name, functions: free_port(), administration: free_port() }
    }

    /// A server that other machines reach, so that it drains for 5 s.
    fn start(&self) -> Server {
        let guest = test_guest("p3");
        let mut command = pilotlight(&["serve", guest.to_str().unwrap()]);
        command.args(["--listen", &format!("0.0.0.0:{}", self.functions)]);
        command.args(["--admin-listen", &format!("127.0.0.1:{}", self.administration)]);
        Server::run_as_it_is(&mut command)
    }

    fn line(&self) -> String {
        let Self { name, functions, administration } = self;
        format!("    server {name} 127.0.0.1:{functions} port {administration}\n")
    }
}

/// HAProxy in front of some places; killed when dropped.
struct Balancer {
    child: Child,
    clients: u16,
    operators: u16,
}

impl Balancer {
    fn start(program: &Path, folder: &Path, places: &[Place]) -> Self {
        let (clients, operators) = (free_port(), free_port());
        let text = CONFIGURATION.replace("CLIENTS", &clients.to_string());
        let mut text = text.replace("OPERATORS", &operators.to_string());
        text.extend(places.iter().map(Place::line));
        let file = folder.join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        // In the foreground.
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(file).stdout(Stdio::null());
        Self { child: command.spawn().unwrap(), clients, operators }
    }

    /// The states of the servers, by HAProxy's statistics; `None` until it answers.
    fn states(&self) -> Option<Vec<(String, String)>> {
        let url = format!("http://127.0.0.1:{}/;csv", self.operators);
        let table = ureq::get(url).call().ok()?.body_mut().read_to_string().ok()?;
        let columns: Vec<&str> = table.lines().next()?.split(',').collect();
        let column = columns.iter().position(|column| *column == "status")?;
        let rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let servers = rows.filter(|row| {
            row[0] == "functions" && !["FRONTEND", "BACKEND"].contains(row.get(1).unwrap_or(&""))
        });
        Some(servers.map(|row| (row[1].to_owned(), row[column].to_owned())).collect())
    }

    /// Waits until its health checks have found these servers, and no others, ready.
    fn wait_for(&mut self, ready: &[&str]) {
        let start = Instant::now();
        loop {
            assert!(self.child.try_wait().unwrap().is_none(), "HAProxy ended");
            let states = self.states().unwrap_or_default();
            let is_up = |state: &str| state.split(' ').next() == Some("UP");
            let up = states.iter().filter(|(_, state)| is_up(state)).map(|(name, _)| &**name);
            if up.collect::<Vec<_>>() == ready {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{ready:?} are not ready: {states:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What happened to the requests that were sent until `end`.
#[derive(Default)]
struct Outcomes {
    answered: u32,
    lost: Vec<String>,
}

impl Outcomes {
    /// Sends a request over a new connection whenever one is due, also if the ones before are late.
    fn of_requests_until(end: &AtomicBool, port: u16) -> Self {
        let mut outcomes = Self::default();
        let mut due = Instant::now();
        while !end.load(Ordering::Relaxed) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due += INTERVAL;
            match count(port) {
                Ok(text) if text == "1" => outcomes.answered += 1,
                Ok(text) => outcomes.lost.push(format!("answered with {text:?}")),
                Err(error) => outcomes.lost.push(error.to_string()),
            }
        }
        outcomes
    }
}

fn count(port: u16) -> Result<String, ureq::Error> {
    let request = ureq::get(format!("http://127.0.0.1:{port}/count"));
    let request = request.config().timeout_global(Some(PATIENCE)).build();
    request.call()?.body_mut().read_to_string()
}

/// Ends the sender also when the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_rolling_restart_behind_haproxy_loses_no_request() {
    let Some(program) = HAPROXY.find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let places = ["one", "two"].map(Place::new);
    let mut servers = places.each_ref().map(|place| Some(place.start()));
    let mut balancer = Balancer::start(&program, folder.path(), &places);
    balancer.wait_for(&["one", "two"]);
    let (end, port) = (AtomicBool::new(false), balancer.clients);
    let outcomes = std::thread::scope(|scope| {
        let sender = scope.spawn(|| Outcomes::of_requests_until(&end, port));
        let ending = Ending(&end);
        for (place, server) in places.iter().zip(&mut servers) {
            assert_eq!(server.take().and_then(Server::stop), Some(0));
            *server = Some(place.start());
            balancer.wait_for(&["one", "two"]);
        }
        drop(ending);
        sender.join().unwrap()
    });
    assert!(outcomes.answered > 0);
    assert_eq!(outcomes.lost, Vec::<String>::new(), "{} were answered", outcomes.answered);
}
