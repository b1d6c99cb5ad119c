//! Sessions: audio that is answered while it is sent, over HTTP and WebSockets.

mod http;
mod limits;
mod real;
mod sockets;
mod speech;
mod wire;

use std::net::TcpStream;
use std::time::Duration;

use pilotlight_testing::tiny_voice;
use pilotlight_tests::Server;
use serde_json::Value;
use tempfile::TempDir;

/// Samples of a frame, and of the end of the one before.
const FRAME: usize = 512;
const CONTEXT: usize = 64;
/// What comes at all comes sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of the tiny model that hears, which ends before its folder.
struct Hearing {
    server: Server,
    _folder: TempDir,
}

impl Hearing {
    fn start(options: &[&str]) -> Self {
        let folder = tiny_voice::folder();
        let path = folder.path().to_str().unwrap().to_owned();
        let server = Server::start(&[&[&path[..]], options].concat());
        Self { server, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        let address = self.server.url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn status(&self) -> Value {
        self.server.status("/status").json()["functions"]["default"]["current"].clone()
    }

    /// Waits until no session goes on, and all instances are given back.
    fn settle(&self) -> Value {
        for _ in 0..600 {
            let status = self.status();
            let (open, given) = (&status["sessions"]["open"], &status["pool"]["in_sessions"]);
            if (open, given) == (&Value::from(0), &Value::from(0)) {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("sessions go on: {}", self.status());
    }
}

/// PCM of 16 bits: a tone whose loudness and beginning depend on `seed`.
fn audio(seed: usize, samples: usize) -> Vec<u8> {
    let loud = 2_000 + (seed * 1_999) % 20_000;
    let from = samples / 4 + (seed * 311) % (samples / 2);
    let sample = |n: usize| match (n >= from, n % 20 < 10) {
        (false, _) => 0i16,
        (true, true) => i16::try_from(loud).unwrap(),
        (true, false) => -i16::try_from(loud).unwrap(),
    };
    (0..samples).flat_map(|n| sample(n).to_le_bytes()).collect()
}

/// What the tiny model tells of PCM of 16 bits.
fn probabilities(pcm: &[u8]) -> Vec<f32> {
    let (samples, _) = pcm.as_chunks::<2>();
    let mut padded = vec![0.0; CONTEXT];
    padded.extend(samples.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0));
    let frames = samples.len().div_ceil(FRAME);
    padded.resize(CONTEXT + frames * FRAME, 0.0);
    let mut memory = 0.0;
    let frame = |number: usize| &padded[number * FRAME..][..CONTEXT + FRAME];
    (0..frames).map(|number| tiny_voice::probability(frame(number), &mut memory)).collect()
}

fn close(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-4)
}

/// The probabilities of lines, or of lists in them.
fn told(lines: &[Value]) -> Vec<f32> {
    let of = |line: &Value| match &line["probabilities"] {
        Value::Array(list) => list.clone(),
        _ => line.get("probability").cloned().into_iter().collect(),
    };
    lines.iter().flat_map(of).map(|value| value.as_f64().unwrap() as f32).collect()
}
