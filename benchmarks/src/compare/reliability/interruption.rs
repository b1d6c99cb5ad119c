//! How long after its limit a guest that spins is stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{body, line, serve_all};
use crate::compare::lab::Lab;
use crate::http;

const SPINS: usize = 60;
const PROCESSOR: Duration = Duration::from_millis(50);
const WALL: Duration = Duration::from_millis(200);

/// One limit.
pub(super) struct Stopping {
    pub(super) limit: &'static str,
    pub(super) load: &'static str,
    /// Milliseconds from the limit to the answer, in order of size.
    pub(super) late: Vec<f64>,
}

pub(super) fn run(lab: &Lab) -> anyhow::Result<Vec<Stopping>> {
    let recipe = serve_all(&[
        ("processor", &format!("{{ cpu-time = '{}ms' }}", PROCESSOR.as_millis())),
        ("wall", &format!("{{ request-timeout = '{}ms' }}", WALL.as_millis())),
    ])?;
    let _service = recipe.start()?;
    let port = recipe.port;
    let spins = if lab.is_quick() { 3 } else { SPINS };
    let alone = "nothing else runs";
    let mut found = vec![
        Stopping {
            limit: "50 ms of processor time",
            load: alone,
            late: spin(port, "processor", PROCESSOR, spins)?,
        },
        Stopping { limit: "200 ms", load: alone, late: spin(port, "wall", WALL, spins)? },
    ];
    let ended = AtomicBool::new(false);
    // Processor time is all the same for the others; when it is used up depends on them.
    let late = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    // Its answers are nobody's: they keep the cores busy.
                    let _ = http::ask(port, "POST / HTTP/1.1\r\n", &body());
                }
            });
        }
        let late = spin(port, "wall", WALL, spins);
        ended.store(true, Ordering::Relaxed);
        late
    });
    found.push(Stopping { limit: "200 ms", load: "four others infer", late: late? });
    Ok(found)
}

fn spin(port: u16, function: &str, limit: Duration, count: usize) -> anyhow::Result<Vec<f64>> {
    let mut late = Vec::new();
    for _ in 0..count {
        // A function that only fails would be slowed down.
        http::ask(port, &line(function, "/count"), "")?;
        let start = Instant::now();
        let answer = http::ask(port, &line(function, "/spin"), "")?;
        let took = start.elapsed();
        ensure!(answer.status == 504, "{}: {}", answer.status, answer.content);
        late.push((took.as_secs_f64() - limit.as_secs_f64()) * 1e3);
    }
    late.sort_by(f64::total_cmp);
    Ok(late)
}
