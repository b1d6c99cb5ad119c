//! Operators that ONNX Runtime fuses, lowered to tract, against ONNX Runtime's own: graphs of one operator, drawn at
//! random. Skipped where its library is not found, unless `PILOTLIGHT_REQUIRE_ORT` is set.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

mod attention;
mod codes;
mod draft;
mod elementwise;
mod embeddings;
mod found;
mod products;
mod quantized;
mod refusals;
