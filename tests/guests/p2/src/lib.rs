//! A `wasi:http/incoming-handler@0.2` guest with one path for each way to behave.

#![cfg(target_family = "wasm")]
#![allow(clippy::panic, reason = "to show that a panic hurts nobody else")]

use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

static COUNT: AtomicU32 = AtomicU32::new(0);

struct Handler;
wasip2::http::proxy::export!(Handler);

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = match request.path_with_query().as_deref() {
            // 1 in an instance that has never run.
            Some("/count") => (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
            Some("/panic") => panic!("as asked"),
            Some("/silent") => return,
            path => format!("nothing at {}", path.unwrap_or_default()),
        };
        let response = OutgoingResponse::new(Fields::new());
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(out, Ok(response));
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(text.as_bytes());
        }
        let _ = OutgoingBody::finish(body, None);
    }
}
