//! Requests as the clients of other servers send them, and the answers that those servers document.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod client;
mod contracts;
mod fail_closed;
mod gliner;
mod hugging_face;
mod litellm;
mod open_inference;
mod openai;
mod openapi;
mod pages;
mod presidio;
mod recognizers;
mod redact_stream;
mod rerank;
mod shapes;
mod splits;
mod support;
mod tei_settings;
mod text_embeddings_inference;
mod vllm;
