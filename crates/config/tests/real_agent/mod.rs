//! A real agent, where there is one: `PILOTLIGHT_CONSUL` names the program.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pilotlight_testing::skipped;
use ureq::http::Request;

/// A server starts and elects itself in seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent with data of its own; killed when dropped.
pub(crate) struct Real {
    child: Child,
    address: String,
}

impl Real {
    /// `None`, said aloud, where there is no program to start.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("PILOTLIGHT_CONSUL") else {
            skipped("PILOTLIGHT_CONSUL names no agent");
            return None;
        };
        // Held together, so that they are four.
        let free = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [http, server, lan, wan] =
            free.each_ref().map(|socket| socket.local_addr().unwrap().port());
        drop(free);
        let child = Command::new(program)
            .args(["agent", "-dev", "-bind=127.0.0.1", "-dns-port=-1", "-grpc-port=-1"])
            .arg(format!("-http-port={http}"))
            .arg(format!("-server-port={server}"))
            .arg(format!("-serf-lan-port={lan}"))
            .arg(format!("-serf-wan-port={wan}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut agent = Self { child, address: format!("http://127.0.0.1:{http}") };
        let start = Instant::now();
        while !agent.is_elected() {
            assert!(agent.child.try_wait().unwrap().is_none(), "the agent ended");
            assert!(start.elapsed() < PATIENCE, "the agent never answered");
            thread::sleep(Duration::from_millis(50));
        }
        Some(agent)
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        let put = Request::put(format!("{}/v1/kv/{key}", self.address)).body(value.to_owned());
        ureq::run(put.unwrap()).unwrap();
    }

    pub(crate) fn delete(&self, key: &str) {
        ureq::run(Request::delete(format!("{}/v1/kv/{key}", self.address)).body(()).unwrap())
            .unwrap();
    }

    fn is_elected(&self) -> bool {
        let leader = ureq::get(format!("{}/v1/status/leader", self.address)).call();
        leader.is_ok_and(|mut leader| leader.body_mut().read_to_string().unwrap().contains(':'))
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
