//! A `wasi:http/handler@0.3` guest with one path for each way to behave.

#![cfg(target_family = "wasm")]
#![allow(clippy::panic, reason = "to show that a panic hurts nobody else")]

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use spin_sdk::http::{FullBody, Request, Response};
use spin_sdk::http_service;

static COUNT: AtomicU32 = AtomicU32::new(0);

#[http_service]
async fn handle(request: Request) -> Response<FullBody<Bytes>> {
    let text = match request.uri().path() {
        // 1 in an instance that has never run.
        "/count" => (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
        "/panic" => panic!("as asked"),
        "/spin" => loop {
            std::hint::spin_loop();
        },
        "/allocate" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 1 << 20]);
            }
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
