//! A `wasi:http/handler@0.3` guest with one path for each way to behave.

#![cfg(target_family = "wasm")]
#![allow(clippy::panic, reason = "to show that a panic hurts nobody else")]

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use spin_sdk::http::{Request, Response};
use spin_sdk::{http_service, wasip3, wit_bindgen};
use wasip3::clocks::{monotonic_clock, system_clock};
use wasip3::http::types::{ErrorCode, Fields};

type Content = UnsyncBoxBody<Bytes, Infallible>;

const TENTH_NS: u32 = 100_000;
const HOUR_NS: u64 = 3_600_000_000_000;
const LARGE: usize = 32 << 20;
const MARK: u64 = 0x5ec2_e7a1_5ec2_e7a1;

static COUNT: AtomicU32 = AtomicU32::new(0);

#[http_service]
async fn handle(request: Request) -> Result<Response<Content>, ErrorCode> {
    match request.uri().path() {
        // Says what it was asked, as a careless guest does.
        "/error" => Err(ErrorCode::InternalError(request.uri().query().map(str::to_owned))),
        _ => Ok(answer(request).await),
    }
}

async fn answer(request: Request) -> Response<Content> {
    // Any path can behave like one of those below.
    let behavior = request.headers().get("x-behavior").and_then(|value| value.to_str().ok());
    let behavior = behavior.unwrap_or(request.uri().path()).to_owned();
    let text = match &behavior[..] {
        // 1 in an instance that has never run.
        "/count" => (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
        "/panic" => panic!("as asked"),
        "/trap" => divide(COUNT.load(Ordering::Relaxed), std::hint::black_box(0)).to_string(),
        "/spin" => loop {
            std::hint::spin_loop();
        },
        "/allocate" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 1 << 20]);
            }
        }
        // Keeps what it takes, in an instance that goes on.
        "/leak" => {
            std::mem::forget(std::hint::black_box(vec![1u8; 8 << 20]));
            (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string()
        }
        // Writes all over the memory.
        "/mark" => {
            for words in [1 << 10, 1 << 13, 1 << 16, 1 << 22] {
                std::mem::forget(std::hint::black_box(vec![MARK; words]));
            }
            "marked".to_owned()
        }
        // Words of the memory that `/mark` wrote.
        "/find" => find(MARK).to_string(),
        // Waits for the end of the body.
        "/wait" => {
            let body = request.into_body().collect().await;
            let bytes = body.map_or(0, |body| body.to_bytes().len());
            format!("{} {bytes}", COUNT.fetch_add(1, Ordering::Relaxed) + 1)
        }
        // Starts no other request before the first part of the body, and waits for its end.
        "/refuse" => {
            let mut body = request.into_body();
            wit_bindgen::backpressure_inc();
            body.frame().await;
            wit_bindgen::backpressure_dec();
            let _ = body.collect().await;
            (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string()
        }
        // Computes without end once the body has ended.
        "/wait-and-spin" => {
            let _ = request.into_body().collect().await;
            loop {
                std::hint::spin_loop();
            }
        }
        // Breaks off after the first part.
        "/half" => return Response::new(Parts::then(|| panic!("as asked")).boxed_unsync()),
        // Never says the rest.
        "/hang" => return Response::new(Parts::then(|| Poll::Pending).boxed_unsync()),
        "/hang-after" => {
            // A task that nothing could wake would trap.
            wasip3::spawn(monotonic_clock::wait_for(HOUR_NS));
            "said it all".to_owned()
        }
        "/flood" => {
            (0..10_000).for_each(|_| eprintln!("{}", "flood ".repeat(100)));
            "flooded".to_owned()
        }
        // Writes more at once than anybody has a buffer for.
        "/large" => "x".repeat(LARGE),
        // Fields, each as large as it may be, until there can be no more.
        "/fields" => {
            let hoard: Vec<Fields> = std::iter::repeat_with(full_fields).take(1 << 20).collect();
            hoard.len().to_string()
        }
        // The names of the request's headers, a line each.
        "/headers" => {
            let names: Vec<&str> = request.headers().keys().map(|name| name.as_str()).collect();
            names.join("\n")
        }
        // Answers with the body.
        "/echo" => {
            let body = request.into_body().collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            String::from_utf8_lossy(&body).into_owned()
        }
        // Repeats the request wherever it can.
        "/v1/redact" => return repeat(request).await,
        "/overflow" => overflow(1).to_string(),
        // How many readings of each clock are finer than a tenth of a millisecond.
        "/clocks" => clocks().map(|fine| fine.to_string()).join(" "),
        // Which trace it is told that it belongs to.
        "/trace" => {
            let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
            let trace = ["traceparent", "tracestate", "x-request-id"].map(header);
            trace.map(Option::unwrap_or_default).join(" ")
        }
        path => format!("nothing at {path}"),
    };
    Response::new(Full::new(Bytes::from(text)).boxed_unsync())
}

/// What a function answers that tells all it has been told.
async fn repeat(request: Request) -> Response<Content> {
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body).into_owned();
    let word = body.replace('\\', "").replace('"', "'");
    let entity = r#""entity_group": "NAME", "score": 0.5, "start": 0, "end": 5"#;
    let text = format!(r#"{{"text": "{word}", "entities": [{{{entity}, "word": "{word}"}}]}}"#);
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    for name in ["x-total-time", "x-request-id", "x-said", "server-timing"] {
        if let Ok(value) = word.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// One part, and then whatever `then` does.
struct Parts<F> {
    turns: u32,
    then: F,
}

/// The first part has left by then.
const TURNS: u32 = 8;

impl<F: FnMut() -> Poll<Option<Result<Frame<Bytes>, Infallible>>> + Unpin> Parts<F> {
    fn then(then: F) -> Self {
        Self { turns: 0, then }
    }
}

impl<F> http_body::Body for Parts<F>
where
    F: FnMut() -> Poll<Option<Result<Frame<Bytes>, Infallible>>> + Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.turns += 1;
        match self.turns {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"one half"))))),
            2..TURNS => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => (self.then)(),
        }
    }
}

fn full_fields() -> Fields {
    let fields = Fields::new();
    let value = vec![b'x'; 4 << 10];
    while fields.append("x-field", &value).is_ok() {}
    fields
}

#[allow(unconditional_recursion, reason = "to run out of stack")]
fn overflow(depth: u64) -> u64 {
    std::hint::black_box([depth; 64])[3] + overflow(std::hint::black_box(depth + 1))
}

/// By zero it traps, where a division of Rust's would panic.
fn divide(number: u32, by: u32) -> u32 {
    // SAFETY: none; it is what a mistake in unsafe code comes to.
    number / unsafe { NonZeroU32::new_unchecked(by) }
}

/// Of WASI 0.3 and then of 0.2, each monotonic and then of the day.
fn clocks() -> [usize; 4] {
    let start = Instant::now();
    let of_day = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fine = |nanoseconds: u32| usize::from(!nanoseconds.is_multiple_of(TENTH_NS));
    (0..10_000).fold([0; 4], |[a, b, c, d], _| {
        [
            a + fine((monotonic_clock::now() % 1_000_000_000) as u32),
            b + fine(system_clock::now().nanoseconds),
            c + fine(start.elapsed().subsec_nanos()),
            d + fine(of_day().subsec_nanos()),
        ]
    })
}

fn find(word: u64) -> usize {
    let bytes = std::arch::wasm32::memory_size(0) << 16;
    (8..bytes)
        .step_by(8)
        // SAFETY: aligned, and inside the linear memory, all of which may be read.
        .filter(|address| unsafe { std::ptr::read_volatile(*address as *const u64) } == word)
        .count()
}
