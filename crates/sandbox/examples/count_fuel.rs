//! Counts the WebAssembly instructions (Wasmtime's fuel) of requests to a component, for
//! `cargo xtask instructions`.
//!
//! `count_fuel COMPONENT` prints the fuel of `GET /info` and of one inference, each by a fresh
//! instance.

use std::future::{pending, poll_fn};
use std::path::Path;

use bytes::Bytes;
use futures::channel::oneshot;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use pilotlight_sandbox::{
    Allowance, CpuMeter, InstanceOptions, Nn, State, add_wasi, new_store, serving_context,
};
use wasmtime::component::{Component, Linker};
use wasmtime::{AsContextMut as _, Config, Engine, bail, format_err};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{Prepared, Proxy, ProxyPre};
use wasmtime_wasi_http::p3::bindings::ServicePre;

const INFERENCE: &str = r#"{"inputs": "My name is Sarah Connor and I live at 42 Elm Street, Springfield. Call me at 555-0134 or write to sarah.connor@example.com about invoice 7781."}"#;

#[tokio::main]
async fn main() -> wasmtime::Result<()> {
    let file = std::env::args().nth(1).ok_or_else(|| format_err!("usage: count_fuel COMPONENT"))?;
    let component = Instances::load(Path::new(&file))?;
    println!("GET /info: {}", component.fuel("GET", "/info", "").await?);
    println!("inference of 43 tokens: {}", component.fuel("POST", "/", INFERENCE).await?);
    Ok(())
}

/// Creates instances of a component on an engine that counts fuel.
struct Instances {
    engine: Engine,
    pre: ProxyPre<State>,
}

impl Instances {
    fn load(file: &Path) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.wasm_component_model_async(true).consume_fuel(true);
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        add_wasi(&mut linker)?;
        let component = Component::from_file(&engine, file)?;
        let pre = ProxyPre::P3(ServicePre::new(linker.instantiate_pre(&component)?)?);
        Ok(Self { engine, pre })
    }

    /// The fuel that a fresh instance consumes to serve one request.
    async fn fuel(&self, method: &str, path: &str, body: &'static str) -> wasmtime::Result<u64> {
        let options = InstanceOptions::default();
        let meter = CpuMeter::new(options.cpu_time);
        let allowance = Allowance { memory: options.memory_limit, memory_beyond_minimum: 0, meter };
        let context = serving_context(&options)?;
        let mut store = new_store(&self.engine, context, Nn::default(), allowance);
        store.set_fuel(u64::MAX)?;
        let proxy = self.pre.instantiate_async(&mut store).await?;
        let before = store.get_fuel()?;
        let request = Request::builder()
            .method(method)
            .uri(format!("http://localhost{path}"))
            .header("content-type", "application/json")
            .header("x-request-id", "instructions")
            .body(Full::new(Bytes::from_static(body.as_bytes())))?
            .map(|body| body.map_err(|never| match never {}).boxed_unsync());
        serve(&mut store, &proxy, request).await?;
        Ok(before - store.get_fuel()?)
    }
}

/// Runs one request to the end of its response.
async fn serve(
    store: &mut wasmtime::Store<State>,
    proxy: &Proxy,
    request: wasmtime_wasi_http::handler::Request,
) -> wasmtime::Result<()> {
    let (respond, response) = oneshot::channel();
    let run = store.run_concurrent(async |accessor| {
        let prepared = accessor.with(|mut store| {
            Prepared::new(store.as_context_mut(), proxy, request, State::http, respond)
        })?;
        prepared.run(accessor, pending()).await?;
        poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        Ok::<_, wasmtime::Error>(())
    });
    let read = async {
        let response = response.await.map_err(|_| format_err!("the guest did not respond"))??;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(())
    };
    let (run, read) = tokio::join!(run, read);
    run??;
    read
}
