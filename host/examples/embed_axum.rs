//! Mounts a function in an axum application, beside its own routes.
//!
//! `cargo run --release -p pilotlight --example embed_axum -- pii-ner.wasm`, then
//! `curl -H 'content-type: application/json' -d '{"inputs": "…"}' localhost:8080`.

use std::path::PathBuf;

use axum::Router;
use axum::routing::get;
use pilotlight::{Cache, FunctionOptions, Host, Source};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let component = PathBuf::from(arguments.next().unwrap_or_else(|| "pii-ner.wasm".to_owned()));
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let host = Host::load(
        Source::Component(component),
        FunctionOptions::default(),
        Cache::open(None)?,
        |stage| {
            eprintln!("{stage}");
        },
    )
    .await?;
    let application =
        Router::new().route("/hello", get(|| async { "hello" })).fallback_service(host);
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, application).await?;
    Ok(())
}
