//! Goal 16: what others notice of a function that fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{body, line, serve_all};
use crate::compare::lab::Lab;
use crate::http;

const BETWEEN_FAULTS: Duration = Duration::from_millis(50);

/// What a guest can be asked to do, and what is answered.
const FAULTS: [(&str, &str, u16, bool); 8] = [
    ("panics", "/panic", 500, true),
    ("overflows its stack", "/overflow", 500, true),
    ("takes all memory", "/allocate", 500, true),
    ("spins", "/spin", 504, true),
    ("sends half an answer", "/half", 200, false),
    ("hangs within its answer", "/hang", 200, false),
    ("hangs after its answer", "/hang-after", 200, true),
    ("floods its log", "/flood", 200, true),
];

/// Requests of others in some time.
#[derive(Default)]
pub(super) struct Others {
    /// Milliseconds, in order of size.
    pub(super) latencies: Vec<f64>,
    /// Why requests were lost or answered wrongly.
    pub(super) lost: Vec<String>,
}

/// One kind of fault, and the others meanwhile.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) faults: usize,
    /// Answered as they should be.
    pub(super) told: usize,
    pub(super) same: Others,
    pub(super) model: Others,
}

pub(super) struct Faults {
    /// The same without faults.
    pub(super) quiet: [Others; 2],
    pub(super) found: Vec<Fault>,
}

pub(super) fn run(lab: &Lab) -> anyhow::Result<Faults> {
    let limits = "{ request-timeout = '1s', memory = '64MiB' }";
    let recipe = serve_all(&[("faults", limits)])?;
    let _service = recipe.start()?;
    let port = recipe.port;
    let expected = http::ask(port, "POST / HTTP/1.1\r\n", &body())?.content;
    ensure!(expected.starts_with('{') || expected.starts_with('['), "no answer: {expected}");
    let time = Duration::from_secs(if lab.is_quick() { 1 } else { 8 });
    let (_, quiet) = meanwhile(port, &expected, time, || 0);
    let mut found = Vec::new();
    for (name, path, status, whole) in FAULTS {
        let mut faults = 0;
        let (told, [same, model]) = meanwhile(port, &expected, time, || {
            let (mut told, start) = (0, Instant::now());
            while start.elapsed() < time {
                let answer = http::ask(port, &line("faults", path), "");
                let right = |answer: http::Answer| (answer.status, answer.whole) == (status, whole);
                told += usize::from(answer.is_ok_and(right));
                faults += 1;
                std::thread::sleep(BETWEEN_FAULTS);
            }
            told
        });
        found.push(Fault { name, faults, told, same, model });
    }
    Ok(Faults { quiet, found })
}

/// Two others ask while `disturb` goes on: one the function that fails, one the model.
fn meanwhile(
    port: u16,
    expected: &str,
    time: Duration,
    disturb: impl FnOnce() -> usize,
) -> (usize, [Others; 2]) {
    let ended = AtomicBool::new(false);
    let others = |line: String, body: String, expected: &str| {
        let mut others = Others::default();
        while !ended.load(Ordering::Relaxed) {
            let start = Instant::now();
            let answer = http::ask(port, &line, &body);
            others.latencies.push(start.elapsed().as_secs_f64() * 1e3);
            match answer {
                Ok(answer) if answer.status == 200 && answer.content == expected => {}
                Ok(answer) => others.lost.push(format!("{}: {}", answer.status, answer.content)),
                Err(error) => others.lost.push(error.to_string()),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        others.latencies.sort_by(f64::total_cmp);
        others
    };
    std::thread::scope(|scope| {
        let same = scope.spawn(|| others(line("faults", "/count"), String::new(), "1"));
        let model = scope.spawn(|| others("POST / HTTP/1.1\r\n".to_owned(), body(), expected));
        let start = Instant::now();
        let told = disturb();
        std::thread::sleep(time.saturating_sub(start.elapsed()));
        ended.store(true, Ordering::Relaxed);
        let joined = [same.join(), model.join()];
        let broken = |_| Others { lost: vec!["it broke off".to_owned()], ..Others::default() };
        (told, joined.map(|others| others.unwrap_or_else(broken)))
    })
}
