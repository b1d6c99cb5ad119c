//! A `wasi:http/handler@0.3` guest with one path for each way to behave.

#![cfg(target_family = "wasm")]
#![allow(clippy::panic, reason = "to show that a panic hurts nobody else")]

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use spin_sdk::http::{FullBody, Request, Response};
use spin_sdk::http_service;

const MARK: u64 = 0x5ec2_e7a1_5ec2_e7a1;

static COUNT: AtomicU32 = AtomicU32::new(0);

#[http_service]
async fn handle(request: Request) -> Response<FullBody<Bytes>> {
    let text = match request.uri().path() {
        // 1 in an instance that has never run.
        "/count" => (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
        "/panic" => panic!("as asked"),
        "/trap" => std::arch::wasm32::unreachable(),
        "/spin" => loop {
            std::hint::spin_loop();
        },
        "/allocate" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 1 << 20]);
            }
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
        "/overflow" => overflow(1).to_string(),
        path => format!("nothing at {path}"),
    };
    Response::new(FullBody::new(Bytes::from(text)))
}

#[allow(unconditional_recursion, reason = "to run out of stack")]
fn overflow(depth: u64) -> u64 {
    std::hint::black_box([depth; 64])[3] + overflow(std::hint::black_box(depth + 1))
}

fn find(word: u64) -> usize {
    let bytes = std::arch::wasm32::memory_size(0) << 16;
    (8..bytes)
        .step_by(8)
        // SAFETY: aligned, and inside the linear memory, all of which may be read.
        .filter(|address| unsafe { std::ptr::read_volatile(*address as *const u64) } == word)
        .count()
}
